"""Whatever field a wrong value is typed into: it is refused there, with the reason, and nothing is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QPushButton, QToolTip

from gui.panels.registry import PANELS
from gui.widgets.checked_field import CheckedField
from gui.window import MainWindow
from magscope_app.messages import NextRecording, RecordingStarted, RenameRecording, StartRecording
from tests.gui.hands import click, find, look, press, retype, text_of, until, wheel
from tests.gui.rig import Rig, with_magnet

#: What no field takes, and fields for which it is a text like any other.
WRONG = "1e9x/?"
ANY_TEXT = {"recording.note", "recording.folder", "log.words", "camera.label"}
ANY_TEXT |= {"qt_keysequenceedit_lineedit"}


#: With a focus and a magnet whose force is known.
MICROSCOPE = with_magnet


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0))
    rig.frame()
    rig.focus(120.0, 120.0, moving=False)
    rig.axis("magnet", 2.0, 2.0, moving=False)
    until(window, qapp, lambda: window.session.force is not None)
    return window


def test_a_wrong_value_is_refused_in_every_field(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    typed: set[str] = set()
    for entry in PANELS:
        running.show_panel(entry.key)
        look(running, qapp)
        rig.heard()
        for field in running.panels[entry.key].findChildren(QLineEdit):
            if not field.isEnabled() or field.isReadOnly() or field.objectName() in ANY_TEXT:
                continue
            assert isinstance(field, CheckedField), field.objectName()
            typed.add(field.objectName().partition(".")[0])
            before, help_ = field.text(), field.toolTip()
            retype(field, WRONG)
            assert field.is_refused, field.objectName()
            assert WRONG in field.toolTip()
            assert QToolTip.text() == field.toolTip(), "the reason stands beside the field at once"
            press(field, Qt.Key.Key_Escape)
            assert (field.text(), field.toolTip()) == (before, help_)
        assert rig.heard() == []
    assert typed == {"image", "recording", "camera", "motor", "calibration", "z_lock", "force", "preferences"}


def test_the_wheel_changes_no_choice_that_the_pointer_passes(running: MainWindow, qapp: QApplication) -> None:
    seen: set[str] = set()
    for entry in PANELS:
        running.show_panel(entry.key)
        look(running, qapp)
        for box in running.panels[entry.key].findChildren(QComboBox):
            box.clearFocus()
            chosen = box.currentIndex()
            for turn in (-120, 120):
                wheel(box, turn)
                assert box.currentIndex() == chosen, box.objectName()
            seen.add(box.objectName().partition(".")[0])
    assert {"recording", "camera"} <= seen


def test_a_name_that_no_disk_takes_starts_nothing_and_renames_nothing(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    field = find(running, QLineEdit, "recording.name")
    retype(field, "good")
    retype(field, "a/b")
    assert running.session.recording_order.name == "good"
    assert field.property("refused")
    rig.send(rig.status(recording=tmp_path))
    look(running, qapp)
    press(field, Qt.Key.Key_Return)
    assert not [sent for sent in rig.heard() if isinstance(sent, RenameRecording | StartRecording)]


def test_a_folder_that_is_a_file_is_refused(running: MainWindow, qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    field = find(running, QLineEdit, "recording.folder")
    retype(field, str(tmp_path / "file" / "data"))
    until(running, qapp, lambda: bool(field.property("refused")))
    assert field.toolTip() == f"{tmp_path / 'file'} is a file; choose a folder"
    retype(field, str(tmp_path / "new" / "folder"))
    until(running, qapp, lambda: not field.property("refused"))
    assert not running.session.order_refused
    field.clear()
    press(field, Qt.Key.Key_Return)
    assert running.session.recording_order.folder is None
    assert field.placeholderText() == str(running.session.config.recording.folder)


def test_z_luts_are_not_saved_under_a_refused_name(running: MainWindow, qapp: QApplication) -> None:
    field = find(running, QLineEdit, "calibration.file")
    running.session.state.calibration.accepted.add(0)
    running.show_panel("calibration")
    look(running, qapp)
    save = find(running, QPushButton, "calibration.save")
    assert save.isEnabled()
    retype(field, "somewhere.txt")
    assert not save.isEnabled()
    click(save)
    press(field, Qt.Key.Key_Escape)
    assert save.isEnabled()


def test_nothing_is_recorded_elsewhere_than_the_fields_say(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    folder, name = (find(running, QLineEdit, f"recording.{key}") for key in ("folder", "name"))
    retype(folder, str(tmp_path))
    for field, wrong, right in ((folder, "~nobody-zz/data", str(tmp_path)), (name, "a/b", "good")):
        retype(field, wrong)
        assert field.property("refused")
        rig.heard()
        running.session.start_recording()
        look(running, qapp)
        assert not [sent for sent in rig.heard() if isinstance(sent, StartRecording)]
        assert text_of(running, "notice.text").startswith(f"nothing is recorded: “{wrong}”")
        retype(field, right)
    running.session.start_recording()
    assert rig.expect(StartRecording).folder == tmp_path


def test_a_folder_is_shown_as_it_is_taken(
    running: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    field = find(running, QLineEdit, "recording.folder")
    retype(field, "~/data")
    assert field.text() == str(tmp_path / "data")
    assert running.session.recording_order.folder == tmp_path / "data"


def test_the_disk_of_the_folder_that_is_typed_is_looked_at(
    running: MainWindow, rig: Rig, tmp_path: Path
) -> None:
    """Once it is typed, not at every letter; without one, that of the config."""
    field = find(running, QLineEdit, "recording.folder")
    before = field.text()
    rig.heard()
    retype(field, str(tmp_path / "not" / "yet"))
    told = [sent for sent in rig.heard() if isinstance(sent, NextRecording)]
    config = rig.config
    assert told == [NextRecording(tmp_path / "not" / "yet", config.session.name, config.recording.mode)]
    retype(field, str(tmp_path / "not" / "yet"))
    assert not [sent for sent in rig.heard() if isinstance(sent, NextRecording)]
    field.clear()
    press(field, Qt.Key.Key_Return)
    assert rig.expect(NextRecording).folder == rig.config.recording.folder
    running.session.order_recording(tmp_path, "last", None)
    assert rig.expect(NextRecording).folder == tmp_path
    retype(field, before)


def test_name_and_mode_of_the_next_recording_are_told(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    """Once they are chosen: the window that is opened after this one shows them."""
    running.show_panel("recording")
    running.session.order_recording(tmp_path, "first", "Track")
    rig.heard()
    retype(find(running, QLineEdit, "recording.name"), "mine")
    assert rig.heard() == [NextRecording(tmp_path, "mine", "Track")]
    find(running, QComboBox, "recording.mode").setCurrentText("Video (ROIs)")
    assert rig.heard() == [NextRecording(tmp_path, "mine", "Video (ROIs)")]
    retype(find(running, QLineEdit, "recording.name"), "mine")
    assert rig.heard() == []


def test_a_z_lut_file_of_nobody_is_refused(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    field = find(running, QLineEdit, "calibration.file")
    running.show_panel("calibration")
    look(running, qapp)
    rig.heard()
    retype(field, "~nobody-zz/z.npz")
    assert field.property("refused")
    load = find(running, QPushButton, "calibration.load")
    assert not load.isEnabled()
    click(load)
    assert rig.heard() == []


def test_the_keyboard_does_not_go_to_the_name_when_a_recording_starts(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    running.show_panel("recording")
    folder, name = (find(running, QLineEdit, f"recording.{key}") for key in ("folder", "name"))
    running.activateWindow()
    folder.setFocus()
    click(find(running, QPushButton, "recording.button"))
    rig.send(RecordingStarted(tmp_path, "Track"), rig.status(recording=tmp_path))
    look(running, qapp)
    assert not folder.isEnabled()
    assert running.focusWidget() not in (folder, name)
    assert not name.hasSelectedText()


def test_a_size_of_text_that_there_is_not_is_refused(running: MainWindow, qapp: QApplication) -> None:
    running.show_panel("preferences")
    look(running, qapp)
    field = find(running, QLineEdit, "preferences.font")
    chosen: list[int] = []
    running.desk.looks_changed.connect(lambda: chosen.append(running.desk.preferences.font_px))
    for wrong in ("99", "7", "12.5", "-1"):
        retype(field, wrong)
        assert text_of(running, "preferences.refused").startswith("give a whole number from 8 to 24, or 0")
    assert chosen == []
    for size in (14, 0):
        retype(field, str(size))
        assert chosen[-1] == running.desk.preferences.font_px == size
    assert not find(running, QLabel, "preferences.refused").isVisible()
