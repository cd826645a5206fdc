"""What is kept in files: preferences, the running state as a config, the last session."""

from __future__ import annotations

import contextlib
import json
import math
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.models.last_session import KeptSessions, LastSession, load_last_session, save_last_session
from gui.models.preferences import Preferences, load_preferences, save_preferences
from gui.models.running_config import running_config
from gui.models.state import State
from hardware.simulated.camera import SimulatedCamera
from hardware.simulated.camera_config import exposure_ms as config_exposure_ms
from magscope_app.config import Config, load_config
from magscope_app.devices import CameraContext, FrameFormat
from magscope_app.devices.setting import Setting, SettingKind
from magscope_app.errors import MagscopeError
from magscope_app.feedback.state import LockState
from magscope_app.messages import Bead, BeadsChanged, CameraReady, CameraSettings, StartRecording
from magscope_app.messages.locks import LockChanged


def test_preferences_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "new" / "window.json"
    wanted = Preferences("light", 14, {"wide": "00ff"}, "ab", {"record": "F5"}, ["beads"])
    save_preferences(wanted, path)
    assert load_preferences(path) == (wanted, "")
    assert [entry.name for entry in path.parent.iterdir()] == ["window.json"]


def test_without_a_file_the_window_starts_as_at_first(tmp_path: Path) -> None:
    assert load_preferences(tmp_path / "none.json") == (Preferences(), "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 2, "theme": "dark"}', "[" * 5000, "\x00\xff"]
)
def test_a_broken_file_never_blocks_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "window.json"
    path.write_text(text, encoding="latin-1")
    preferences, said = load_preferences(path)
    assert preferences == Preferences()
    assert said.startswith(str(path))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(value=json_values, name=st.sampled_from(["theme", "font_px", "layout", "geometry", "shortcuts"]))
def test_a_wrong_value_costs_only_itself(
    tmp_path_factory: pytest.TempPathFactory, value: object, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "window.json"
    path.write_text(json.dumps({"version": 1, "hints_seen": ["beads"], name: value}))
    preferences, said = load_preferences(path)
    assert preferences.hints_seen == ["beads"]
    kept = getattr(preferences, name)
    assert kept == value or (kept == getattr(Preferences(), name) and name in said)


def running_state() -> State:
    state = State(clock=lambda: 0)
    state.apply(BeadsChanged((Bead(0, 100.25, 80.0), Bead(4, 220.0, 150.0, "reference")), 3, 48))
    settings = (
        Setting("exposure_ms", SettingKind.FLOAT, 4.0, "ms", (0.1, 10.0)),
        Setting("fps", SettingKind.FLOAT, 100.0, "Hz", read_only=True),
    )
    state.apply(CameraSettings(settings))
    return state


def saved(config: Config, state: State, order: StartRecording, zlut: Path | None, path: Path) -> Config:
    """Save the running state and start from it."""
    path.write_text(running_config(config, state, order, zlut).text, encoding="utf-8")
    return load_config(str(path), []).config


def test_the_running_state_is_a_config_that_starts_the_same(tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    order = StartRecording(tmp_path / 'da"ta', "näme", "Track and Video (ROIs)")
    again = saved(config, running_state(), order, config.tracking.zlut, tmp_path / "mine.toml")
    assert again.camera.exposure_ms == 4.0
    assert [(bead.id, bead.x_px, bead.role) for bead in again.beads.list] == [
        (0, 100.25, "tethered"),
        (4, 220.0, "reference"),
    ]
    assert (again.beads.roi_px, again.beads.find) == (48, False)
    assert (again.session.name, again.recording.mode) == ("näme", "Track and Video (ROIs)")
    assert again.recording.folder == order.folder
    assert again.motors == config.motors
    assert again.tracking == config.tracking
    assert again.simulation == config.simulation


@pytest.mark.parametrize("zlut", ["z1.npz", None])
def test_the_z_lut_in_use_is_saved_whatever_the_config_says(zlut: str | None, tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    used = None if zlut is None else tmp_path / zlut
    again = saved(config, running_state(), StartRecording(), used, tmp_path / "mine.toml")
    assert again.tracking.zlut == used
    without = load_config("micromanager.toml", []).config
    assert (
        saved(without, running_state(), StartRecording(), used, tmp_path / "other.toml").tracking.zlut == used
    )


@pytest.mark.parametrize("overrides", [[], ["camera.noise.read_noise_e=3"], ["camera.fps=40"]])
def test_a_camera_that_starts_from_the_saved_config_has_what_was_set_by_hand(
    overrides: list[str], tmp_path: Path
) -> None:
    by_hand = {"exposure_ms": 8.0, "background_e": 7000.0, "contrast": 0.4, "gain_dn_per_e": 0.0125}
    config = load_config("demo.toml", overrides).config
    camera = SimulatedCamera(CameraContext(config=config))
    state = running_state()
    state.apply(CameraReady(camera.format, camera.settings(), ""))
    for name, value in by_hand.items():
        camera.set(name, value)
    state.apply(CameraSettings(camera.settings()))
    again = saved(config, state, StartRecording(), None, tmp_path / "mine.toml")
    settings = {setting.name: setting.value for setting in camera.settings()}
    # The config's own exposure is 8 ms then, in which 7000 electrons per 5 ms (12.5 ms at 40 fps) are more.
    settings["background_e"] = 7000.0 * 8.0 / config_exposure_ms(config)
    renewed = SimulatedCamera(CameraContext(config=again))
    assert {setting.name: setting.value for setting in renewed.settings()} == settings


def test_what_was_not_touched_is_as_the_config_says(tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    config = config.model_copy(update={"camera": config.camera.model_copy(update={"noise": None})})
    camera = SimulatedCamera(CameraContext(config=config))
    state = running_state()
    state.apply(CameraReady(camera.format, camera.settings(), ""))
    again = saved(config, state, StartRecording(), None, tmp_path / "mine.toml")
    assert (again.camera, again.simulation) == (config.camera, config.simulation)


def test_a_setting_without_a_key_is_said_and_a_slow_exposure_slows_the_camera(tmp_path: Path) -> None:
    config = load_config("micromanager.toml", []).config
    state = running_state()
    opened = (
        Setting("exposure_ms", SettingKind.FLOAT, 10.0),
        Setting("Gain", SettingKind.INT, 0, config_key=("camera", "settings", "properties", "Gain")),
        Setting("odd", SettingKind.INT, 1),
        Setting("untouched", SettingKind.INT, 1),
    )
    state.apply(CameraReady(FrameFormat(512, 512, 8), opened, ""))
    now = [replace(setting, value=value) for setting, value in zip(opened, (30.0, 3, 2, 1), strict=True)]
    state.apply(CameraSettings(tuple(now)))
    made = running_config(config, state, StartRecording(), None)
    assert made.left_out == ("odd",)
    path = tmp_path / "mine.toml"
    path.write_text(made.text, encoding="utf-8")
    camera = load_config(str(path), []).config.camera
    assert camera.settings["properties"] == {"PixelType": "8bit", "BitDepth": 8, "Gain": 3}
    assert camera.exposure_ms == 30.0
    assert camera.fps == pytest.approx(1000 / 30)


def test_locks_that_are_on_are_on_again(tmp_path: Path) -> None:
    config = load_config("demo.toml", ["drift.on=true"]).config
    state = running_state()
    for lock in (
        LockState("xy_lock", "on", bead_ids=(0,)),
        LockState("z_lock", "on", "bead 5 is not good", bead_ids=(4,), asked=(4, 5)),
        LockState("drift", "off", reason="no beads"),
    ):
        state.apply(LockChanged(lock))
    again = saved(config, state, StartRecording(), None, tmp_path / "mine.toml")
    assert (again.xy_lock.on, again.xy_lock.exclude) == (True, (0,))
    assert (again.z_lock.on, again.z_lock.beads) == (True, (4, 5))
    assert not again.drift.on


def test_what_no_config_can_hold_is_refused_in_a_sentence() -> None:
    config = load_config("demo.toml", []).config
    state = running_state()
    wrong = Setting("contrast", SettingKind.FLOAT, 7.0, config_key=("simulation", "light", "contrast"))
    state.apply(CameraSettings((wrong,)))
    with pytest.raises(MagscopeError, match=r"no config can hold .*simulation\.light\.contrast"):
        running_config(config, state, StartRecording(), None)


@given(text=st.text(max_size=20))
def test_any_text_is_written_as_valid_toml(text: str) -> None:
    config = load_config("demo.toml", []).config
    session = config.session.model_copy(update={"notes": text.replace("\r", "")})
    renamed = config.model_copy(update={"session": session})
    written = running_config(renamed, running_state(), StartRecording(name=None), None).text
    assert tomllib.loads(written)["session"].get("notes", "") == session.notes


def test_the_last_session_comes_back_without_motor_positions(tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    zlut = tmp_path / "z1.npz"
    last = LastSession.of(config, running_state(), StartRecording(tmp_path, "mine", "Track"), zlut)
    assert last.zlut == zlut
    path = tmp_path / "last-session.json"
    save_last_session(last, path, run=1)
    assert load_last_session(path, run=2).before == last
    assert last.camera_settings == {"exposure_ms": 4.0}
    assert "position" not in path.read_text()


def test_a_window_that_is_opened_again_has_the_session_before_its_run(tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    first, own = (
        LastSession.of(config, running_state(), StartRecording(tmp_path, name, "Track"), None)
        for name in ("first", "own")
    )
    path = tmp_path / "last-session.json"
    save_last_session(first, path, run=1)
    assert load_last_session(path, run=1) == KeptSessions(None, has_own=True)
    assert load_last_session(path, run=2) == KeptSessions(first)
    save_last_session(own, path, run=2, before=first)
    assert load_last_session(path, run=2) == KeptSessions(first, has_own=True)
    assert load_last_session(path, run=3) == KeptSessions(own)


@pytest.mark.parametrize("text", ["", "{}", '{"version": 3, "run": 1, "session": {"beads": []}}', "[1]"])
def test_a_broken_last_session_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "last-session.json"
    path.write_text(text)
    with pytest.raises(MagscopeError, match="cannot be read"):
        load_last_session(path, run=2)
    path.write_text(kept().replace('"version": 3', '"version": 1'))
    with pytest.raises(MagscopeError, match="version 1"):
        load_last_session(path, run=2)
    assert load_last_session(tmp_path / "none.json", run=2) == KeptSessions()


GOOD: dict[str, Any] = {
    "beads": [{"id": 1, "x_px": 100.0, "y_px": 80.0, "role": "tethered"}],
    "roi_px": 48,
    "camera_driver": "some.where:Camera",
    "camera_settings": {"gain": 2},
    "zlut": None,
    "folder": None,
    "name": None,
    "mode": None,
    "kept_at": "2026-11-20 18:04:00+00:00",
}


def kept(**changes: object) -> str:
    """Return what a file of sessions says."""
    return json.dumps({"version": 3, "run": 1, "session": GOOD | changes, "before": None})


def test_a_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "last-session.json"
    path.write_text(kept())
    now = load_last_session(path, run=2).before
    assert now is not None
    assert now.kept_at == datetime(2026, 11, 20, 18, 4, tzinfo=UTC)
    old = json.loads(kept())
    del old["session"]["kept_at"]
    path.write_text(json.dumps(old | {"version": 2}))
    assert load_last_session(path, run=2).before == replace(now, kept_at=None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("roi_px", math.inf),
        ("roi_px", -5),
        ("roi_px", "48"),
        ("camera_settings", []),
        ("camera_settings", {"gain": math.nan}),
        ("beads", 5),
        ("beads", ["x"]),
        ("beads", [GOOD["beads"][0] | {"id": math.inf}]),
        ("beads", [GOOD["beads"][0] | {"x_px": math.nan}]),
        ("beads", [GOOD["beads"][0]] * 2),
        ("mode", []),
        ("kept_at", 5),
        ("kept_at", "yesterday"),
        ("kept_at", "0001-01-01 00:00:00+23:59"),
    ],
)
def test_whatever_is_wrong_in_a_last_session_is_told_in_a_sentence(
    key: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "last-session.json"
    path.write_text(kept())
    assert load_last_session(path, run=2).before is not None
    path.write_text(kept(**{key: value}))
    with pytest.raises(MagscopeError, match="the last session cannot be read"):
        load_last_session(path, run=2)


@given(value=json_values, key=st.sampled_from(sorted(GOOD)))
def test_no_last_session_raises_anything_else(
    value: object, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "last-session.json"
    path.write_text(kept(**{key: value}))
    with contextlib.suppress(MagscopeError):
        load_last_session(path, run=2)
