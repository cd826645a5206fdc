"""Commands that come faster than their answers, and keys that end what the mouse or another key has begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLineEdit, QPushButton

from gui.finding import entries_of
from gui.models.preferences import Preferences
from gui.models.search import matching
from gui.panels.registry import PANELS
from gui.window import MainWindow
from magscope_app.calibration.messages import StartSweep
from magscope_app.messages import (
    AddNote,
    CommandRefused,
    Counters,
    HomeMotor,
    JogMotor,
    MoveBead,
    RecordingFinished,
    RecordingStarted,
    StartRecording,
    StopRecording,
)
from tests.gui.hands import (
    CONTROL,
    SHIFT,
    click,
    click_image,
    drag_image,
    find,
    look,
    move_on_image,
    press,
    press_image,
    retype,
    text_of,
    type_text,
)
from tests.gui.rig import Rig

PLACES = (100.0, 80.0), (220.0, 150.0), (60.0, 180.0)


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads(*PLACES)
    rig.frame()
    look(window, qapp)
    rig.heard()
    return window


def places(rig: Rig) -> dict[int, tuple[float, float]]:
    return {bead.id: (bead.x_px, bead.y_px) for bead in rig.beads.changed().beads}


def settle(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    """Let commands be carried out, those too that wait for others."""
    for _ in range(5):
        rig.heard()
        look(window, qapp)


def test_keys_that_come_all_at_once_are_all_counted(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    for _ in range(12):
        press(running.image.view, Qt.Key.Key_Right)
    press(running.image.view, Qt.Key.Key_Down, SHIFT)
    settle(running, rig, qapp)
    assert places(rig)[0] == (112.0, 90.0)
    for _ in range(20):
        running.session.beads.undo()
    settle(running, rig, qapp)
    assert places(rig)[0] == PLACES[0]


def test_an_undo_at_once_takes_back_what_was_just_done(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    press(running.image.view, Qt.Key.Key_Right)
    settle(running, rig, qapp)
    press(running.image.view, Qt.Key.Key_Delete)
    press(running.image.view, Qt.Key.Key_Z, CONTROL)
    settle(running, rig, qapp)
    assert places(rig)[0] == (101.0, 80.0)
    assert running.session.beads.edits.redo_label == "removing bead 0"
    assert running.session.beads.edits.undo_label == "moving bead 0"


def test_beads_that_are_added_at_once_all_stay(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    click_image(running, 260.0, 60.0, SHIFT)
    running.session.beads.add_found([(160.0, 200.0, 0.9)])
    settle(running, rig, qapp)
    assert {bead_id: tuple(map(round, at)) for bead_id, at in places(rig).items() if bead_id > 2} == {
        3: (260, 60),
        4: (160, 200),
    }


def test_after_a_command_that_is_never_answered_one_begins_anew(
    running: MainWindow, rig: Rig, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.session.beads.move((0,), 1.0, 0.0)
    assert rig.link.receive(1.0) == MoveBead(0, 101.0, 80.0)
    running.session.beads.undo()
    edits = running.session.beads.edits
    monkeypatch.setattr(edits, "_clock_s", lambda clock=edits._clock_s: clock() + 30.0)
    look(running, qapp)
    assert rig.link.receive(0.05) is None, "a supervisor may be held up"
    monkeypatch.setattr(edits, "_clock_s", lambda clock=edits._clock_s: clock() + 31.0)
    look(running, qapp)
    assert text_of(running, "notice.text").startswith("Nobody answered a command about beads")
    assert rig.link.receive(0.05) is None, "an undo takes back nothing that is older"
    running.session.beads.move((1,), 1.0, 0.0)
    assert rig.link.receive(1.0) == MoveBead(1, 221.0, 150.0)


def test_somebody_elses_refusal_is_no_answer_to_an_edit(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    press(running.image.view, Qt.Key.Key_Right)
    rig.send(CommandRefused("supervisor", "a note belongs to a recording"))
    look(running, qapp)
    settle(running, rig, qapp)
    assert running.session.beads.edits.undo_label == "moving bead 0"


def test_the_bead_just_added_is_the_one_that_the_next_key_is_about(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    click_image(running, 260.0, 60.0, SHIFT)
    press(running.image.view, Qt.Key.Key_Delete)
    settle(running, rig, qapp)
    assert places(rig) == dict(enumerate(PLACES))


def test_a_recording_that_is_being_started_can_be_stopped(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    press(running, Qt.Key.Key_Space)
    look(running, qapp)
    press(running, Qt.Key.Key_Space, CONTROL)
    look(running, qapp)
    assert [type(message) for message in rig.heard()] == [StartRecording]
    path = Path("data") / "x"
    rig.send(RecordingStarted(path, "Track"))
    look(running, qapp)
    rig.expect(StopRecording)
    rig.send(RecordingFinished(path, "completed", Counters()))
    look(running, qapp)
    assert not running.menus.actions["stop_recording"].isEnabled()


def test_escape_ends_a_drag_and_moves_nothing(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    press_image(running, *PLACES[0])
    move_on_image(running, 150.0, 90.0)
    press(running.image.view, Qt.Key.Key_Escape)
    move_on_image(running, 160.0, 95.0, release=True)
    settle(running, rig, qapp)
    assert places(rig) == dict(enumerate(PLACES))


def test_a_drag_moves_the_beads_that_were_pressed(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    press_image(running, *PLACES[0])
    move_on_image(running, 120.0, 90.0)
    press(running, Qt.Key.Key_A, CONTROL)
    look(running, qapp)
    move_on_image(running, 120.0, 90.0, release=True)
    settle(running, rig, qapp)
    assert places(rig)[0] == pytest.approx((120.0, 90.0), abs=0.6)
    assert [places(rig)[bead_id] for bead_id in (1, 2)] == [*PLACES[1:]]
    drag_image(running, PLACES[1], (230.0, 150.0))
    settle(running, rig, qapp)
    assert places(rig)[0] == pytest.approx((130.0, 90.0), abs=1.2), "all are chosen now"


@pytest.mark.parametrize("name", ["recording.folder", "recording.name", "motor.focus.target", "image.roi"])
@pytest.mark.parametrize("typed", ["", "12"])
def test_escape_gives_the_keys_back_to_the_window(
    running: MainWindow, rig: Rig, qapp: QApplication, name: str, typed: str
) -> None:
    for panel in ("motors", "recording") if name.startswith("recording") else ("recording", "motors"):
        running.show_panel(panel)
    look(running, qapp)
    field = find(running, QLineEdit, name)
    field.setFocus()
    type_text(field, typed)
    press(field, Qt.Key.Key_Escape)
    assert not field.hasFocus()
    press(running, Qt.Key.Key_Space)
    rig.expect(StartRecording)


def test_escape_puts_the_search_for_beads_away_wherever_the_keyboard_is(
    running: MainWindow, qapp: QApplication
) -> None:
    running.image.finder.look()
    running.setFocus()
    look(running, qapp)
    press(running, Qt.Key.Key_Escape)
    assert not running.image.finder.isVisible()


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("start the sweep", "Calibration: Start the sweep"),
        ("home", "Motors: focus, home: look for the reference position"),
        ("reconnect", "Motors: focus, reconnect"),
        ("limits", "Motors"),
        ("target", "Motors"),
        ("saturation", "Live image"),
        ("sigma", "Beads"),
        ("preview", "Live image"),
        ("copy", "Log: Copy all"),
        ("frames per step", "Calibration"),
        ("undo", "Undo"),
        ("move to", "Motors: focus, go"),
        ("hold the focus", "Z-lock: Hold the focus"),
        ("save and use", "Calibration: Save and use"),
    ],
)
def test_the_search_finds_what_can_be_pressed_and_the_words_of_the_field(
    running: MainWindow, typed: str, title: str
) -> None:
    assert title in [entry.title for entry in matching(entries_of(running), typed)[:6]]
    titles = [entry.title for entry in entries_of(running)]
    assert len(set(titles)) == len(titles)


def test_the_search_presses_buttons_and_says_what_is_not_possible(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    found = {entry.title: entry for entry in entries_of(running)}
    assert found["Undo"].kind == found["Motors: focus, reconnect"].kind == "not possible now"
    found["Undo"].run()
    found["Motors: focus, reconnect"].run()
    look(running, qapp)
    assert rig.heard() == []
    assert running.panels["motors"].isVisible()
    for title, sent in (
        ("Calibration: Start the sweep", StartSweep),
        ("Motors: focus, one step forth", JogMotor),
        ("Motors: focus, home: look for the reference position", HomeMotor),
    ):
        assert found[title].kind == "action"
        found[title].run()
        rig.expect(sent)
    assert running.panels["calibration"].isVisible()
    assert "Remove" not in next(entry.title for entry in matching(entries_of(running), "move"))


def test_every_button_says_what_it_does(running: MainWindow, qapp: QApplication) -> None:
    for entry in PANELS:
        running.show_panel(entry.key)
        look(running, qapp)
        for button in running.panels[entry.key].findChildren(QPushButton):
            assert button.toolTip(), (entry.key, button.objectName())


@pytest.mark.parametrize("key", ["=", "Ctrl++", "+", "Left", "Shift+Up", "Esc", "Ctrl+C", "Return"])
def test_a_key_that_means_something_else_is_refused(running: MainWindow, key: str) -> None:
    why_not = running.desk.choose_key("record", key)
    assert why_not is not None
    assert why_not.startswith(f"{key} ")
    assert running.menus.actions["record"].shortcut().toString() == "Space"
    assert "record" not in running.desk.preferences.shortcuts


def test_all_first_keys_of_an_action_come_back(running: MainWindow) -> None:
    zoom = running.desk.actions["image.zoom_in"]
    before = [keys.toString() for keys in zoom.shortcuts()]
    assert len(before) == 3
    assert running.desk.choose_key("image.zoom_in", "Ctrl+I") is None
    assert running.desk.choose_key("record", "=") is None, "it is free now"
    assert running.desk.choose_key("record", "Space") is None
    assert running.desk.choose_key("image.zoom_in", "+") is None
    assert [keys.toString() for keys in zoom.shortcuts()] == before
    assert running.desk.preferences == Preferences(hints_seen=running.desk.preferences.hints_seen)


def test_the_motors_can_always_be_stopped_with_a_key(running: MainWindow) -> None:
    assert "always" in (running.desk.choose_key("stop_all", "") or "")
    assert running.desk.choose_key("stop_all", "F8") is None
    running.desk.preferences.shortcuts["stop_all"] = ""
    assert "“Stop all motors”" in running.desk.settle_keys()
    assert running.menus.actions["stop_all"].shortcut().toString() == "Shift+Esc"


def test_steps_and_notes_that_cannot_be_are_refused_in_place(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("motors")
    look(running, qapp)
    step = find(running, QLineEdit, "motor.focus.step")
    retype(step, "1e300")
    assert step.property("refused")
    assert (
        text_of(running, "motor.focus.refused") == "focus goes from -500 to 500 nm; give a step within that"
    )
    click(find(running, QPushButton, "motor.focus.forth"))
    running.show_panel("recording")
    rig.send(RecordingStarted(Path("data") / "x", "Track"))
    look(running, qapp)
    note = find(running, QLineEdit, "recording.note")
    for wrong in ("a\0b", "tab\there", 2001 * "z"):
        note.setText(wrong)
        press(note, Qt.Key.Key_Return)
        assert note.property("refused"), wrong[:9]
    assert rig.heard() == []
    note.setText("the flow was stopped")
    press(note, Qt.Key.Key_Return)
    assert rig.expect(AddNote) == AddNote("the flow was stopped")


def test_tooltips_name_the_keys_of_now(running: MainWindow, qapp: QApplication) -> None:
    running.show_panel("recording")
    for name, key in (("stop_all", "F8"), ("record", "F9"), ("image.add", "F10"), ("show.motors", "F11")):
        assert running.desk.choose_key(name, key) is None
    look(running, qapp)
    assert running.strip.stop_button.toolTip() == "Stop every motor at once (F8)"
    assert find(running, QPushButton, "recording.button").toolTip() == "Start recording (F9)"
    assert running.image.tools.add.toolTip() == "Add beads (F10)"
    icons = {action.objectName(): action.toolTip() for action in running.icon_bar.actions()}
    assert icons["icons.motors"] == "Motors (F11)"
    assert icons["icons.recording"] == "Recording (Ctrl+6)"
    running.hints._seen[:] = ["beads", "several"]
    running.hints.restart()
    assert running.hints.text.text().startswith("3 of 5: F9 starts a recording")
    assert running.desk.choose_key("record", "") is None
    look(running, qapp)
    assert find(running, QPushButton, "recording.button").toolTip() == "Start recording"
