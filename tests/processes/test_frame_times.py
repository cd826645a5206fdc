"""Exposure and period of the frames in force, and who goes by them."""

from __future__ import annotations

import time

import pytest

from gui.models.state import State
from magscope_app.config import load_config
from magscope_app.devices import Setting, SettingKind
from magscope_app.processes.camera_watch import CameraWatch
from magscope_app.processes.frame_times import frame_times


def _float(name: str, value: float) -> Setting:
    return Setting(name, SettingKind.FLOAT, value)


@pytest.mark.parametrize(
    ("overrides", "told", "wanted_ms"),
    [
        pytest.param([], {}, (20.0, 20.0), id="nothing is known but the rate of the config"),
        pytest.param(["camera.exposure_ms=4"], {}, (4.0, 20.0), id="the config knows"),
        pytest.param(
            ["camera.exposure_ms=4"], {"exposure_ms": 6.0}, (6.0, 20.0), id="the camera knows better"
        ),
        pytest.param(["camera.exposure_ms=4"], {"fps": 25.0}, (4.0, 40.0), id="another rate"),
        pytest.param([], {"fps": 25.0}, (40.0, 40.0), id="another rate alone"),
        pytest.param([], {"exposure_ms": 50.0}, (50.0, 50.0), id="an exposure that makes the camera slower"),
        pytest.param([], {"exposure_ms": 0.0, "fps": float("nan")}, (20.0, 20.0), id="nonsense"),
    ],
)
def test_the_camera_counts_and_else_the_long_side(
    overrides: list[str], told: dict[str, float], wanted_ms: tuple[float, float]
) -> None:
    config = load_config("demo.toml", ["camera.fps=50", "camera.exposure_ms=", *overrides]).config
    times = frame_times(config, [_float(name, value) for name, value in told.items()])
    assert (1e3 * times.exposure_s, 1e3 * times.period_s) == pytest.approx(wanted_ms)


def test_a_text_is_no_time() -> None:
    config = load_config("demo.toml", ["camera.fps=50"]).config
    settings = Setting("fps", SettingKind.TEXT, "fast"), Setting("exposure_ms", SettingKind.BOOL, True)
    assert frame_times(config, settings) == frame_times(config)


def test_a_camera_that_was_made_slower_is_not_called_silent() -> None:
    said: list[str] = []
    watch = CameraWatch(255, 100.0, said.append)
    watch.begin(0)
    watch.expect(0.5)
    watch.nothing(2_000_000_000)
    assert said == []
    watch.expect(100.0)
    watch.nothing(2_000_000_000)
    assert len(said) == 1


NONSENSE = [
    Setting("fps", SettingKind.TEXT, "fast"),
    Setting("fps", SettingKind.CHOICE, "50 Hz", choices=("50 Hz", "100 Hz")),
    _float("fps", 0.0),
    _float("fps", float("nan")),
    Setting("exposure_ms", SettingKind.TEXT, "auto"),
    _float("exposure_ms", float("nan")),
]


@pytest.mark.parametrize("setting", [*NONSENSE, _float("exposure_ms", 50.0), _float("fps", 20.0)])
@pytest.mark.parametrize("exposure_ms", ["", "4"])
def test_the_window_goes_by_the_same_rate_and_exposure(setting: Setting, exposure_ms: str) -> None:
    """Also where a camera says its rate as a text."""
    config = load_config("demo.toml", ["camera.fps=100", f"camera.exposure_ms={exposure_ms}"]).config
    state = State(time.perf_counter_ns, camera_settings=(setting,))
    times = frame_times(config, (setting,))
    assert state.asked_fps(config.camera) == state.fps(config.camera) == pytest.approx(1.0 / times.period_s)
    is_known = bool(exposure_ms) or setting.value == 50.0
    assert state.exposure_s(config.camera) == (times.exposure_s if is_known else None)
    if setting.value == 50.0:
        assert state.asked_fps(config.camera) == pytest.approx(20.0)
