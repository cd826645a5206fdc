"""A run that begins anew as the camera is to show another part of its sensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magscope_app.config import load_config
from magscope_app.devices import FrameFormat
from magscope_app.messages import Bead, BeadsChanged, FormatAsked
from magscope_app.processes.camera_noise import camera_noise
from magscope_app.processes.format_change import begin_anew

TOML = """
[camera]
driver = "hardware.simulated.microscope:SimulatedCamera"
roi_px = [16, 0, 256, 128]
noise = { gain_dn_per_e = 0.5, dark_frame = "dark.npy" }
[optics]
pixel_pitch_um = 5.0
magnification = 50.0
[beads]
roi_px = 32
[simulation]
n_beads = 2
n_reference = 1
"""


@pytest.mark.parametrize("index", [0, 1])
def test_beads_stay_on_the_sample_and_a_dark_frame_does_not_fit_another_part(
    tmp_path: Path, index: int
) -> None:
    np.save(tmp_path / "dark.npy", np.full((128, 256), 3.0))
    (tmp_path / "setup.toml").write_text(TOML)
    loaded = load_config(tmp_path / "setup.toml")
    corner, offset = [16, 0], [0.0, 0.0]
    corner[index] += 8
    offset[index] -= 8.0
    name = ("roi_x_px", "roi_y_px")[index]
    camera = {"roi_px": (*corner, 256, 128)}
    asked = FormatAsked(name, corner[index], FrameFormat(256, 128, 8), camera, 1.0, (offset[0], offset[1]))
    beads = (Bead(2, 90.5, 60.5, "reference"), Bead(7, 17.0, 17.0, "tethered"))
    changed, said = begin_anew(loaded, asked, BeadsChanged(beads, 1, 32, 8), FrameFormat(256, 128, 8), None)
    assert changed.config.camera.roi_px == (*corner, 256, 128)
    (kept,) = changed.config.beads.list
    assert (kept.id, kept.x_px, kept.y_px) == (2, 90.5 + offset[0], 60.5 + offset[1])
    noise = changed.config.camera.noise
    assert noise is not None
    assert noise.dark_frame is None
    assert noise.gain_dn_per_e == 0.5
    assert said == [
        "1 bead is not in the image any more",
        "dark frame and flat field are of other frames, and are not used",
    ]


@pytest.mark.parametrize(
    ("form", "scale", "known"),
    [
        (FrameFormat(240, 128, 8), 1.0, True),
        (FrameFormat(256, 128, 12), 1.0, False),
        (FrameFormat(128, 64, 8), 2.0, False),
    ],
    ids=["size", "depth", "binning"],
)
def test_noise_of_other_pixels_is_not_used_and_locks_stay_as_they_are(
    tmp_path: Path, form: FrameFormat, scale: float, *, known: bool
) -> None:
    np.save(tmp_path / "dark.npy", np.full((128, 256), 3.0))
    locks = "[z_lock]\non = true\ngain = 0.3\n[xy_lock]\non = true\n[drift]\non = true\n"
    (tmp_path / "setup.toml").write_text(TOML.replace(', dark_frame = "dark.npy"', "") + locks)
    loaded = load_config(tmp_path / "setup.toml")
    asked = FormatAsked("a setting", 1, form, {}, scale)
    beads = BeadsChanged((Bead(2, 90.5, 60.5, "reference"),), 1, 32, 3)
    changed, said = begin_anew(loaded, asked, beads, FrameFormat(256, 128, 8), None)
    config = changed.config
    assert (config.z_lock.on, config.xy_lock.on, config.drift.on) == (False, False, False)
    assert config.z_lock.gain == 0.3
    sentence = "camera.noise is of pixels of another depth or binning, and is not used: sigma is not known"
    assert (camera_noise(config, form) is not None) is known
    assert (sentence in said) is not known
