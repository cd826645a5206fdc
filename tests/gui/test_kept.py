"""What is kept in files: preferences, the running state as a config, the last session."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.models.last_session import LastSession, load_last_session, save_last_session
from gui.models.preferences import Preferences, load_preferences, save_preferences
from gui.models.running_config import config_text
from gui.models.state import State
from magscope_app.config import load_config
from magscope_app.devices.setting import Setting, SettingKind
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead, BeadsChanged, CameraSettings, StartRecording


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


def test_the_running_state_is_a_config_that_starts_the_same(tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    order = StartRecording(tmp_path / 'da"ta', "näme", "Track and Video (ROIs)")
    path = tmp_path / "mine.toml"
    path.write_text(config_text(config, running_state(), order), encoding="utf-8")
    again = load_config(str(path), []).config
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


@given(text=st.text(max_size=20))
def test_any_text_is_written_as_valid_toml(text: str) -> None:
    config = load_config("demo.toml", []).config
    session = config.session.model_copy(update={"notes": text.replace("\r", "")})
    written = config_text(
        config.model_copy(update={"session": session}), running_state(), StartRecording(name=None)
    )
    assert tomllib.loads(written)["session"].get("notes", "") == session.notes


def test_the_last_session_comes_back_without_motor_positions(tmp_path: Path) -> None:
    config = load_config("demo.toml", []).config
    last = LastSession.of(config, running_state(), StartRecording(tmp_path, "mine", "Track"))
    path = tmp_path / "last-session.json"
    save_last_session(last, path)
    assert load_last_session(path) == last
    assert last.camera_settings == {"exposure_ms": 4.0}
    assert "position" not in path.read_text()


@pytest.mark.parametrize("text", ["", "{}", '{"version": 1, "beads": [{"id": 1}]}', "[1]"])
def test_a_broken_last_session_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "last-session.json"
    path.write_text(text)
    with pytest.raises(MagscopeError, match="cannot be read"):
        load_last_session(path)
    with pytest.raises(MagscopeError, match="no last session yet"):
        load_last_session(tmp_path / "none.json")
