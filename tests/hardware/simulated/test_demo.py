"""The shipped demo: its beads, its Z-LUT, and what the tracker makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hardware.simulated.make_zlut import DEMO_LIGHT, main
from hardware.simulated.microscope import SimulatedCamera
from magscope_app.config import Config
from magscope_app.config.load import load_config
from magscope_app.tracking import ZLUT, CameraNoise, Tracker, find_beads, rois_around
from tests.hardware.simulated.twin import camera_context, film, started


def demo(seed: int) -> Config:
    overrides = (f"simulation.seed={seed}", "camera.settings.instant=true")
    return load_config("demo.toml", overrides).config


def shipped() -> ZLUT:
    path = demo(1).tracking.zlut
    assert path is not None
    return ZLUT.load(path)


@pytest.mark.parametrize("seed", [1, 23])
def test_beads_of_the_demo_are_found_and_tracked_to_the_truth(seed: int) -> None:
    camera = started(demo(seed))
    frames, truth = film(camera, 40)
    camera.close()
    found = find_beads(frames[0], 64)
    distance_px = np.hypot(*(found[:, None, :2] - truth[None, 0, :, 1:3] / 100.0).transpose(2, 0, 1))
    bead = distance_px.argmin(axis=1)
    assert sorted(bead) == list(range(20))
    with Tracker(64, shipped(), CameraNoise(0.012, 8.0, 10.0)) as tracker:
        tracks = tracker.track(frames, rois_around(found, 64))
    x, y, z = (truth[:, bead, column] for column in (1, 2, 3))
    for error, most_nm in (
        (tracks.x_px * 100.0 - x, 5.0),
        (tracks.y_px * 100.0 - y, 5.0),
        (tracks.z_nm - z, 30.0),
    ):
        assert np.sqrt((error**2).mean(axis=0)).max() < most_nm


def test_beads_stay_within_the_zlut_at_every_magnet_height() -> None:
    zlut = shipped()
    config = demo(1)
    magnet = config.motor_with_role("magnet_height")
    assert magnet is not None
    assert magnet.limits is not None
    for height_mm in magnet.limits:
        moved = magnet.model_copy(update={"settings": {"start": height_mm}})
        motors = tuple(moved if motor is magnet else motor for motor in config.motors)
        _, truth = film(started(config.model_copy(update={"motors": motors})), 50)
        assert truth[..., 3].min() > zlut.z_nm[0] + 500.0
        assert truth[..., 3].max() < zlut.z_nm[-1] - 500.0
        wander_px = np.abs(truth[..., 1:3] - truth[..., 1:3].mean(axis=0)).max() / 100.0
        assert wander_px < 20.0


@pytest.mark.slow
def test_the_shipped_zlut_is_the_one_that_is_made(tmp_path: Path) -> None:
    main([str(tmp_path / "made.npz")])
    made, known = ZLUT.load(tmp_path / "made.npz"), shipped()
    assert (made.z_nm == known.z_nm).all()
    # Compilers may round differently; noise of another sweep would differ by 0.1 and more.
    assert np.abs(made.profiles - known.profiles).max() < 0.02
    assert (known.nm_per_px, known.focal_shift_factor) == (100.0, 0.88)


def test_the_zlut_was_made_with_the_light_of_the_demo() -> None:
    config = demo(1)
    noise = config.camera.noise
    assert noise is not None
    assert (noise.gain_dn_per_e, noise.offset_dn, noise.read_noise_e) == (
        DEMO_LIGHT.gain_dn_per_e,
        DEMO_LIGHT.offset_dn,
        DEMO_LIGHT.read_noise_e,
    )
    light = config.simulation.light
    assert (light.background_e, light.contrast) == (DEMO_LIGHT.background_e, DEMO_LIGHT.contrast)
    assert SimulatedCamera.problems(camera_context(config)) == ()
