"""The camera's noise and its fields, from config to tracker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magscope_app.config import load_config
from magscope_app.devices import FrameFormat
from magscope_app.errors import ConfigError
from magscope_app.processes.camera_noise import camera_noise, correction_files, field_correction
from magscope_app.processes.preflight import load_ready

DEMO = ["camera.roi_px=[0,0,512,384]", "simulation.n_beads=4", "simulation.n_reference=1"]


def test_noise_needs_a_stated_gain() -> None:
    form = FrameFormat(512, 384, 12)
    noise = camera_noise(load_config("demo.toml", ()).config, form)
    assert noise is not None
    assert correction_files(load_config("demo.toml", ()).config) == ()
    assert field_correction(()) is None
    assert (noise.gain_dn_per_e, noise.offset_dn, noise.read_noise_e) == (0.012, 8.0, 10.0)
    assert noise.saturation_dn == 4095
    for other in ("micromanager.toml", "replay.toml"):
        assert camera_noise(load_config(other, ()).config, form) is None


def test_fields_are_checked_before_the_start(tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.full((384, 512), 8.0))
    np.save(tmp_path / "wrong.npy", np.full((512, 384), 8.0))
    (tmp_path / "text.npy").write_text("none")
    good = f"camera.noise.dark_frame={tmp_path / 'dark.npy'}"
    field = field_correction(correction_files(load_ready("demo.toml", [*DEMO, good], None, None).config))
    assert field is not None
    assert field.shape == (384, 512)
    for override, where, said in (
        (f"camera.noise.dark_frame={tmp_path / 'none.npy'}", "dark_frame", "does not exist"),
        (f"camera.noise.flat_field={tmp_path / 'wrong.npy'}", "flat_field", "384 x 512"),
        (f"camera.noise.flat_field={tmp_path / 'text.npy'}", "flat_field", "text.npy is not an image"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_ready("demo.toml", [*DEMO, override], None, None)
        problems = [problem for problem in caught.value.problems if where in problem.where]
        assert len(problems) == 1
        assert said in str(problems[0])
