"""The window, driven with mouse and keyboard on real buffers and a real pipe."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QPushButton, QTableView

from gui.models.selection import Selection
from gui.panels.panel import Panel, PanelContext
from gui.panels.profile import ProfilePanel
from gui.panels.traces import TracesPanel
from gui.snapshot import Snapshot
from gui.window import MainWindow
from magscope_app.messages import (
    AddBead,
    CommandRefused,
    Counters,
    LogEntry,
    LogHistory,
    MoveBead,
    Quit,
    RecordingFinished,
    RecordingProgress,
    RecordingStarted,
    RemoveBeads,
    SelectBead,
    Shutdown,
    StartRecording,
    StopMotors,
    StopRecording,
)
from tests.gui.hands import (
    SHIFT,
    click,
    click_image,
    drag_image,
    find,
    hold_down,
    look,
    press,
    retype,
    text_of,
)
from tests.gui.rig import FORMAT, Rig

FIRST, SECOND = (100.0, 80.0), (220.0, 150.0)


class _Broken(Panel):
    def refresh(self, snapshot: Snapshot) -> None:
        raise ZeroDivisionError("of the test")


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    """A microscope that runs, with two beads of which the first is selected."""
    rig.open_devices()
    rig.add_beads(FIRST, SECOND)
    rig.frame()
    look(window, qapp)
    rig.heard()
    return window


def test_the_first_bead_is_selected_and_its_trace_is_shown(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rig.rows(200, z_nm=300.0)
    rig.profile(0)
    look(running, qapp)
    traces, profile = running.panels["traces"], running.panels["profile"]
    assert isinstance(traces, TracesPanel)
    assert isinstance(profile, ProfilePanel)
    t_s, x_nm = traces.points("x")
    assert t_s[0] == pytest.approx(-1.99, abs=0.001)
    assert -0.1 < t_s[-1] <= 0
    assert np.ptp(x_nm) == pytest.approx(40, abs=1)
    assert np.ptp(traces.points("z")[1]) == 0
    assert profile.points()[1].tolist() == pytest.approx((np.cos(np.arange(16) / 2) * 40 + 100).tolist())
    assert "Bead 0" in text_of(running, "traces.title")


def test_shift_click_adds_a_bead_which_is_then_selected(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    click_image(running, 60.0, 200.0, SHIFT)
    added = rig.expect(AddBead)
    assert (added.x_px, added.y_px) == pytest.approx((60.0, 200.0), abs=0.5)
    look(running, qapp)
    assert running.session.selected == 2
    assert rig.expect(SelectBead) == SelectBead(2, (2,))
    rig.rows(10)
    look(running, qapp)
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    assert traces.points("x")[0][0] == pytest.approx(-0.09, abs=0.001)


def test_the_add_tool_adds_with_a_plain_click_until_escape(running: MainWindow, rig: Rig) -> None:
    press(running, Qt.Key.Key_A)
    click_image(running, 60.0, 200.0)
    rig.expect(AddBead)
    click_image(running, *FIRST)
    assert not [m for m in rig.heard() if isinstance(m, AddBead)]
    press(running.image.view, Qt.Key.Key_Escape)
    click_image(running, 160.0, 200.0)
    assert not [m for m in rig.heard() if isinstance(m, AddBead)]


def test_a_plain_click_never_adds_and_a_drag_beside_the_selected_box_moves_no_bead(
    running: MainWindow, rig: Rig
) -> None:
    click_image(running, 60.0, 200.0)
    drag_image(running, SECOND, (250.0, 180.0))
    assert not [m for m in rig.heard() if isinstance(m, AddBead | MoveBead)]


def test_the_selected_box_is_dragged_to_a_new_place(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    click_image(running, *SECOND)
    assert rig.expect(SelectBead) == SelectBead(1, (1,))
    look(running, qapp)
    drag_image(running, SECOND, (240.0, 120.0))
    moved = rig.expect(MoveBead)
    assert moved.bead_id == 1
    assert (moved.x_px, moved.y_px) == pytest.approx((240.0, 120.0), abs=1.0)
    look(running, qapp)
    centre = running.image.view.overlay.boxes.centre(1)
    assert centre == pytest.approx((moved.x_px, moved.y_px), abs=0.5)


def test_delete_removes_the_selected_bead(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    click_image(running, *SECOND)
    press(running, Qt.Key.Key_Delete)
    assert rig.expect(RemoveBeads) == RemoveBeads((1,))
    look(running, qapp)
    assert running.session.selected is None
    assert running.image.view.overlay.boxes.ids.tolist() == [0]


def test_the_table_selects_and_follows(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.rows(5, z_nm=250.0)
    running.show_panel("beads")
    look(running, qapp)
    table = find(running, QTableView, "beads.table")
    model, viewport = table.model(), table.viewport()
    assert model is not None
    assert viewport is not None
    shown = [model.index(1, column).data() for column in range(model.columnCount())]
    assert shown[:2] == ["1", "tether"]
    assert float(shown[2]) == pytest.approx(22.0, abs=0.03)
    assert shown[3:] == ["15.000", "251", "2.5", "0.987", "–", "✓ tracked"]
    click(viewport, table.visualRect(model.index(1, 0)).center())
    assert rig.expect(SelectBead) == SelectBead(1, (1,))
    click_image(running, *FIRST)
    look(running, qapp)
    selection = table.selectionModel()
    assert selection is not None
    assert [index.row() for index in selection.selectedRows()] == [0]
    press(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    table.setFocus()
    press(table, Qt.Key.Key_Delete)
    assert rig.expect(RemoveBeads) == RemoveBeads((0, 1))


def test_a_folder_may_begin_at_home(
    running: MainWindow, rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("USERPROFILE" if sys.platform == "win32" else "HOME", str(tmp_path))
    retype(find(running, QLineEdit, "recording.folder"), "~/data")
    press(running, Qt.Key.Key_Space)
    assert rig.expect(StartRecording).folder == tmp_path / "data"


def test_space_starts_and_control_space_stops_a_recording(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    retype(find(running, QLineEdit, "recording.name"), "force jump")
    assert not [m for m in rig.heard() if isinstance(m, StartRecording)], "a space was typed, not meant"
    retype(find(running, QLineEdit, "recording.folder"), "data")
    find(running, QComboBox, "recording.mode").setCurrentText("Track and Video (ROIs)")
    press(running, Qt.Key.Key_Space)
    assert rig.expect(StartRecording) == StartRecording(
        Path("data").absolute(), "force jump", "Track and Video (ROIs)"
    )
    path = Path("data") / "force jump"
    rig.send(RecordingStarted(path, "Track and Video (ROIs)"), RecordingProgress(1234))
    rig.send(rig.status(recording=path, recording_seconds=83.0))
    look(running, qapp)
    assert find(running, QPushButton, "recording.button").text().endswith("Stop recording")
    assert "1\u2009234 frames" in text_of(running, "recording.state")
    assert text_of(running, "status.recording.value") == "00:01:23"
    press(running, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    rig.expect(StopRecording)
    rig.send(RecordingFinished(path, "completed", Counters(frames_recorded=1300)), rig.status())
    look(running, qapp)
    assert "completed" in text_of(running, "recording.state")
    assert text_of(running, "status.recording.value") == "off"


def test_the_record_button_does_what_it_says(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    button = find(running, QPushButton, "recording.button")
    click(button)
    click(button)
    rig.expect(StartRecording)
    rig.send(
        CommandRefused(
            "recording", "data: the folder is full; choose another folder", command="StartRecording"
        )
    )
    look(running, qapp)
    assert button.isEnabled()
    assert button.text().endswith("Record")
    assert text_of(running, "notice.text") == "data: the folder is full; choose another folder"


def test_closing_while_recording_asks_in_a_bar(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    path = Path("data") / "first"
    rig.send(RecordingStarted(path, "Track"), rig.status(recording=path))
    look(running, qapp)
    running.close()
    assert running.isVisible()
    assert running.closing.isVisible()
    click(find(running, QPushButton, "closing.keep"))
    assert not running.closing.isVisible()
    running.close()
    press(running.image.view, Qt.Key.Key_Escape)
    assert not running.closing.isVisible()
    running.close()
    click(find(running, QPushButton, "closing.stop"))
    assert not [m for m in rig.heard() if isinstance(m, Quit)], "the recording is not finished yet"
    look(running, qapp)
    assert running.isVisible()
    rig.send(RecordingFinished(path, "completed", Counters()))
    look(running, qapp)
    assert not running.isVisible()
    rig.expect(Quit)


def test_closing_while_a_recording_starts_asks_and_finishes_it(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    path = Path("data") / "first"
    running.session.start_recording()
    rig.expect(StartRecording)
    running.close()
    look(running, qapp)
    assert running.isVisible()
    assert running.closing.isVisible()
    click(find(running, QPushButton, "closing.stop"))
    look(running, qapp)
    assert running.isVisible()
    assert rig.heard() == []
    rig.send(RecordingStarted(path, "Track"), rig.status(recording=path))
    look(running, qapp)
    rig.expect(StopRecording)
    rig.send(RecordingFinished(path, "completed", Counters()))
    look(running, qapp)
    assert not running.isVisible()
    rig.expect(Quit)


def test_an_error_of_one_panel_is_told_once_and_the_others_go_on(
    running: MainWindow, rig: Rig, qapp: QApplication, caplog: pytest.LogCaptureFixture
) -> None:
    running.panels["traces"] = _Broken(
        PanelContext(running.session, running.panels["traces"].theme, running.desk)
    )
    running.show_panel("beads")
    rig.rows(20)
    rig.send(rig.status())
    for _ in range(3):
        running.refresh_soon()
        running.tick()
        look(running, qapp)
    assert text_of(running, "status.beads.value") == "2"
    model = find(running, QTableView, "beads.table").model()
    assert model is not None
    assert str(model.index(0, 2).data()).startswith("10.0")
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [line.partition(" (")[0] for line in said] == [
        "an error in the panel Traces, please report it: ZeroDivisionError: of the test"
    ]
    running.guard.failed.clear()


def test_the_question_goes_when_the_recording_has_ended(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    path = Path("data") / "first"
    rig.send(RecordingStarted(path, "Track"), rig.status(recording=path))
    look(running, qapp)
    running.close()
    assert running.closing.isVisible()
    rig.send(RecordingFinished(path, "completed", Counters()), rig.status())
    look(running, qapp)
    assert not running.closing.isVisible()
    assert running.isVisible()


def test_a_window_that_was_opened_again_says_so_and_knows_what_was(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    said = tuple(
        LogEntry(rig.start_ns, "camera", level, text)
        for level, text in ((logging.INFO, "it runs"), (logging.ERROR, "an old trouble"))
    )
    path = Path("data") / "2026-03-04_150607_after_kill"
    rig.send(LogHistory(said, "this window was opened again: it was killed"))
    rig.send(RecordingStarted(path, "Track"), StartRecording(Path("data"), "after_kill", None))
    # Bead 7 was removed while there was no window.
    rig.send(SelectBead(1, (0, 1, 7)))
    look(running, qapp)
    assert running.session.selection == Selection.of((0, 1), shown=1)
    assert text_of(running, "notice.text") == "this window was opened again: it was killed"
    running.show_panel("log")
    running.show_panel("recording")
    look(running, qapp)
    log = find(running, QPlainTextEdit, "log.text").toPlainText()
    assert "camera: it runs" in log
    assert "an old trouble" in log
    assert find(running, QLineEdit, "recording.name").text() == "after_kill"
    assert find(running, QLineEdit, "recording.folder").text() == str(Path("data"))


def test_closing_without_a_recording_asks_nothing(running: MainWindow, rig: Rig) -> None:
    running.close()
    assert not running.isVisible()
    rig.expect(Quit)


def test_stop_all_is_there_whatever_panel_is_open(running: MainWindow, rig: Rig) -> None:
    button = find(running, QPushButton, "status.stop_all")
    for key in running.panels:
        running.show_panel(key)
        assert not button.visibleRegion().isEmpty()
    hold_down(button)
    rig.expect(StopMotors)
    press(running, Qt.Key.Key_Escape, SHIFT)
    rig.expect(StopMotors)


def test_the_mouse_wheel_and_plus_minus_zoom(running: MainWindow) -> None:
    view = running.image.view
    fitted = view.viewport_now.scale
    press(running, Qt.Key.Key_Plus)
    press(running, Qt.Key.Key_Plus)
    assert view.viewport_now.scale == pytest.approx(fitted * 1.25**2)
    press(running, Qt.Key.Key_Minus)
    assert view.viewport_now.scale == pytest.approx(fitted * 1.25)
    press(running, Qt.Key.Key_F)
    assert view.viewport_now.scale == pytest.approx(fitted)


def test_errors_are_shown_until_dismissed_and_stand_in_the_log(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rig.send(
        LogEntry(0, "camera", 20, "the camera is warm"), LogEntry(0, "camera", 40, "it <b>broke</b>; mend it")
    )
    running.show_panel("log")
    look(running, qapp)
    log = find(running, QPlainTextEdit, "log.text").toPlainText()
    assert "camera: the camera is warm" in log
    assert "it <b>broke</b>; mend it" in log
    assert text_of(running, "notice.text") == "it <b>broke</b>; mend it"
    click(find(running, QPushButton, "notice.copy"))
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == "it <b>broke</b>; mend it"
    click(find(running, QPushButton, "notice.dismiss"))
    assert not running.notice.isVisible()


@pytest.mark.parametrize("end", ["shutdown", "supervisor gone"])
def test_the_window_learns_of_the_end_within_a_tick(running: MainWindow, rig: Rig, end: str) -> None:
    ended: list[bool] = []
    running.session.ended.connect(lambda: ended.append(True))
    if end == "shutdown":
        rig.send(Shutdown())
    else:
        rig.link.close()
    running.tick()
    running.tick()
    assert ended == [True]


def test_the_grey_level_under_the_mouse_is_told(running: MainWindow) -> None:
    told: list[tuple[float, float, int]] = []
    running.image.view.hovered.connect(told.append)
    drag_image(running, (201.0, 51.0), (200.0, 50.0))
    column, row, grey = told[-1]
    assert (round(column), round(row), grey) == (200, 50, 255)
    assert FORMAT.width_px != FORMAT.height_px


def test_the_window_at_first_looks_as_it_should(running: MainWindow, qapp: QApplication) -> None:
    def left_and_top(key: str) -> tuple[int, int]:
        corner = running.docks[key].geometry()
        return corner.x(), corner.y()

    width = running.width()
    assert running.docks["image"].width() > width / 2
    assert left_and_top("image")[0] == 0
    assert left_and_top("traces")[0] == left_and_top("profile")[0] > width / 2
    assert left_and_top("traces")[1] < left_and_top("profile")[1]
    assert left_and_top("recording")[0] > left_and_top("traces")[0] + running.docks["traces"].width() - 5
    assert running.docks["recording"].height() > running.docks["traces"].height()
    running.resize(1366, 768)
    running.arrange()
    qapp.processEvents()
    assert running.docks["recording"].isHidden(), "the controls are folded to icons"
    icons = running.icon_bar.actions()
    assert "Recording (Ctrl+6)" in [icon.toolTip() for icon in icons]
    assert running.docks["image"].width() + running.docks["traces"].width() > 0.92 * 1366
