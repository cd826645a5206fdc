"""The frame of the window: search, theme, keys, layout, hints, last session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import QApplication, QComboBox, QKeySequenceEdit, QLineEdit, QPushButton, QTableWidget

from gui.application import open_window
from gui.models.last_session import LastSession, save_last_session
from gui.models.preferences import Preferences, save_preferences
from gui.theme import DARK, LIGHT, contrast
from gui.window import MainWindow
from magscope_app.calibration.messages import UseZLUTs, ZLUTsUsed
from magscope_app.config import load_config
from magscope_app.messages import Bead, EditBeads, SetCameraSetting, StartRecording
from tests.gui.hands import CONTROL, click, find, look, press, retype, text_of, until
from tests.gui.rig import Rig


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (200.0, 150.0))
    rig.frame()
    look(window, qapp)
    rig.heard()
    return window


def search(window: MainWindow, text: str) -> None:
    """Press Ctrl+K, type, and press Return."""
    press(window, Qt.Key.Key_K, CONTROL)
    retype(find(window, QLineEdit, "palette.field"), text)


def test_the_search_opens_panels_and_reaches_settings(running: MainWindow, qapp: QApplication) -> None:
    search(running, "allan")
    assert not running.docks["allan"].visibleRegion().isEmpty()
    search(running, "camera expo")
    assert running.isActiveWindow() is False or qapp.focusWidget() is find(
        running, QLineEdit, "camera.exposure"
    )


def test_the_search_runs_actions(running: MainWindow, rig: Rig) -> None:
    search(running, "start rec")
    rig.expect(StartRecording)
    press(running, Qt.Key.Key_K, CONTROL)
    press(find(running, QLineEdit, "palette.field"), Qt.Key.Key_Escape)
    assert not running.palette_bar.isVisible()


def test_every_panel_and_action_can_be_found_by_its_name(running: MainWindow) -> None:
    from gui.finding import entries_of
    from gui.models.search import matching

    entries = entries_of(running)
    for entry in entries:
        assert entry in matching(entries, entry.title)[:4], entry.title
    kinds = {"panel", "setting", "value", "action", "not possible now"}
    assert {entry.kind for entry in entries} == kinds
    assert matching(entries, "no such thing") == []


def test_another_theme_and_key_are_used_at_once_and_kept(
    rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    window = open_window(qapp, rig.session, tmp_path)
    window.timer.stop()
    rig.open_devices()
    look(window, qapp)
    window.show_panel("preferences")
    look(window, qapp)
    box = find(window, QComboBox, "preferences.theme")
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        box.textActivated.emit(name)
        assert qapp.palette().window().color().name() == theme.window
        assert window.panels["traces"].theme is theme
    editor = find(window, QKeySequenceEdit, "preferences.key.record")
    editor.setKeySequence(QKeySequence("F5"))
    editor.editingFinished.emit()
    rig.heard()
    press(window, Qt.Key.Key_F5)
    rig.expect(StartRecording)
    editor.setKeySequence(QKeySequence("Ctrl+Z"))
    editor.editingFinished.emit()
    assert "is a key of" in text_of(window, "preferences.refused")
    click(find(window, QPushButton, "hint.enough"))
    window.docks["traces"].hide()
    window.leave()
    rig.session.background.close()
    kept = json.loads((tmp_path / "window.json").read_text())
    assert (kept["theme"], kept["shortcuts"]) == ("dark", {"record": "F5"})
    assert len(kept["hints_seen"]) == 5
    end(window, qapp)


def test_the_layout_comes_back_and_can_be_reset(running: MainWindow, qapp: QApplication) -> None:
    running.docks["traces"].hide()
    running.docks["log"].setFloating(True)
    running.docks["losses"].show()
    running.remember()
    running.arrange()
    assert not running.docks["traces"].isHidden()
    assert not running.docks["log"].isFloating()
    assert running.restore()
    qapp.processEvents()
    assert running.docks["traces"].isHidden()
    assert running.docks["log"].isFloating()
    assert not running.docks["losses"].isHidden()
    running.desk.preferences.layout["wide"] = "00ff"
    running.restore_or_arrange()
    assert not running.docks["traces"].isHidden(), "a broken layout is as at first"


def test_a_narrow_window_folds_its_controls_to_icons(running: MainWindow, qapp: QApplication) -> None:
    assert not running.icon_bar.isVisible()
    running.resize(1366, 768)
    running.arrange()
    qapp.processEvents()
    assert running.icon_bar.isVisible()
    icons = {action.objectName(): action for action in running.icon_bar.actions()}
    icons["icons.motors"].trigger()
    qapp.processEvents()
    assert not running.docks["motors"].visibleRegion().isEmpty()
    icons["icons.motors"].trigger()
    qapp.processEvents()
    assert running.docks["motors"].isHidden()


def test_hints_come_one_by_one_and_again_when_wanted(running: MainWindow) -> None:
    assert text_of(running, "hint.text").startswith("1 of 5")
    click(find(running, QPushButton, "hint.next"))
    assert text_of(running, "hint.text").startswith("2 of 5")
    click(find(running, QPushButton, "hint.enough"))
    assert not running.hints.isVisible()
    running.menus.actions["hints"].trigger()
    assert text_of(running, "hint.text").startswith("1 of 5")


def test_the_last_session_is_continued(rig: Rig, qapp: QApplication, tmp_path: Path) -> None:
    beads = Bead(0, 100.0, 80.0), Bead(3, 200.0, 150.0, "reference")
    before = LastSession(
        beads, 40, "some.where:Camera", {"exposure": 7.5}, None, tmp_path, "yesterday", "Track"
    )
    save_last_session(before, tmp_path / "last-session.json", run=1)
    window = open_window(qapp, rig.session, tmp_path)
    window.timer.stop()
    rig.open_devices()
    look(window, qapp)
    window.files.remember()
    rig.heard()
    sent: list[object] = []

    def restored() -> bool:
        window.menus.actions["continue_session"].trigger()
        sent.extend(rig.heard())
        return bool(window.session.state.beads)

    until(window, qapp, restored)
    assert window.session.state.beads == {bead.id: bead for bead in beads}
    assert window.session.state.roi_px == 40
    assert SetCameraSetting("exposure", 7.5) in sent
    assert not [message for message in sent if "Motor" in type(message).__name__]
    assert find(window, QLineEdit, "recording.name").text() == "yesterday"
    assert "no motor was moved" in text_of(window, "done.text")
    end(window, qapp)


@pytest.mark.parametrize("there", [True, False])
def test_the_z_lut_of_the_last_session_is_used_again_or_said_to_be_gone(
    there: bool, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    zlut = tmp_path / "z1.npz"
    if there:
        zlut.write_bytes(b"")
    before = LastSession(
        (Bead(0, 100.0, 80.0),), 40, "other:Camera", {"exposure": 7.5}, zlut, None, None, None
    )
    save_last_session(before, tmp_path / "last-session.json", run=1)
    window = open_window(qapp, rig.session, tmp_path)
    window.timer.stop()
    rig.open_devices()
    sent: list[object] = []

    def told() -> bool:
        # The file is read beside the window; before that there is no last session.
        if not any(isinstance(message, EditBeads) for message in sent):
            window.menus.actions["continue_session"].trigger()
        sent.extend(rig.heard())
        return "no motor was moved" in text_of(window, "done.text" if there else "notice.text")

    until(window, qapp, told)
    sent.extend(rig.heard())
    assert (UseZLUTs(zlut) in sent) == there
    text = text_of(window, "done.text" if there else "notice.text")
    assert "no camera settings: they were of other:Camera" in text
    assert "no motor was moved" in text
    assert ("and the Z-LUT z1.npz" in text) == there
    assert ("is gone: z is by none" in text) == (not there)
    assert not [message for message in sent if isinstance(message, SetCameraSetting)]
    end(window, qapp)


def test_save_as_config_writes_the_z_lut_in_use_and_says_what_is_missing(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    zlut, path = tmp_path / "z1.npz", tmp_path / "mine.toml"
    zlut.write_bytes(b"")
    rig.send(ZLUTsUsed(zlut))
    # It is no Z-LUT; what is done is told behind that.
    until(running, qapp, running.notice.isVisible)
    running.files.write_config(path)
    until(running, qapp, path.exists)
    until(running, qapp, lambda: f"✓ the config was written to {path}" in text_of(running, "notice.text"))
    assert load_config(str(path), []).config.tracking.zlut == zlut
    zlut.unlink()
    running.files.write_config(path)
    until(running, qapp, lambda: "is gone" in text_of(running, "notice.text"))


def test_a_key_for_two_actions_is_taken_back_and_said(rig: Rig, qapp: QApplication, tmp_path: Path) -> None:
    keys = {"stop_all": "Space", "undo": "F6", "redo": "F6", "select_all": "F7", "fit": "no key"}
    save_preferences(Preferences(shortcuts=keys), tmp_path / "window.json")
    window = open_window(qapp, rig.session, tmp_path)
    window.timer.stop()
    look(window, qapp)
    assert window.menus.actions["stop_all"].shortcut().toString() == "Shift+Esc"
    assert window.menus.actions["undo"].shortcut().toString() == "Ctrl+Z"
    assert window.menus.actions["select_all"].shortcut().toString() == "F7"
    for said in ("window.json", "Space for “Stop all motors”", "F6 for “Undo”", "F6 for “Redo”"):
        assert said in text_of(window, "notice.text")
    assert "F7" not in text_of(window, "notice.text")
    end(window, qapp)


def test_actions_are_listed_by_what_they_are_called(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.session.set_role("reference")
    rig.heard()
    look(running, qapp)
    assert running.menus.actions["undo"].text() == "Undo the role of bead 0"
    running.show_panel("preferences")
    look(running, qapp)
    table = find(running, QTableWidget, "preferences.keys")
    cells = [table.item(row, 0) for row in range(table.rowCount())]
    listed = [cell.text() for cell in cells if cell is not None]
    assert "Undo" in listed
    assert not [text for text in listed if "role of" in text]


def test_about_says_what_a_bug_report_needs(running: MainWindow, qapp: QApplication) -> None:
    running.menus.actions["show.about"].trigger()
    look(running, qapp)
    click(find(running, QPushButton, "about.copy"))
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    for said in ("magscope-app", "numpy", "Qt ", "Python", "some.where:Camera"):
        assert said in clipboard.text()
    assert contrast(LIGHT.text, LIGHT.base) > 4.5


def end(window: MainWindow, qapp: QApplication) -> None:
    """Close a window that the test has opened itself."""
    from PyQt6.QtCore import QEvent

    window.timer.stop()
    window.leave()
    window.close()
    window.deleteLater()
    for _ in range(2):
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        qapp.processEvents()
