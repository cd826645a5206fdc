"""Small things that somebody who sits here for ten hours would trip over."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QWidget,
)

from gui.finding import entries_of
from gui.models.envelope import with_gaps
from gui.models.search import matching
from gui.models.selection import Selection
from gui.panels.traces import MOST_BEADS, TracesPanel
from gui.theme import DARK, contrast, put_on
from gui.widgets.tick_box import TickBox
from gui.window import MainWindow
from magscope_app.messages import (
    CommandRefused,
    LogEntry,
    MotorChanged,
    MotorStatus,
    ProcessState,
    RemoveBeads,
    StartRecording,
)
from magscope_app.tracking import TrackFlag
from tests.gui.hands import CONTROL, click, find, look, press, retype, seen, text_of
from tests.gui.rig import Rig


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads(*((40.0 + 30 * index, 80.0) for index in range(MOST_BEADS + 2)))
    rig.frame()
    look(window, qapp)
    rig.heard()
    return window


def focused(window: MainWindow) -> QWidget:
    """Return where a key that is pressed now would go."""
    widget = window.focusWidget()
    return window if widget is None else widget


def test_space_records_after_a_setting_was_typed(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("camera")
    look(running, qapp)
    field = find(running, QLineEdit, "camera.exposure")
    field.setFocus()
    retype(field, "2.5")
    press(field, Qt.Key.Key_Space)
    rig.expect(StartRecording)
    assert field.text() == "2.5"


def test_space_records_after_another_panel_was_brought_to_the_front(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    for name, panel in (("camera.label", "camera"), ("recording.name", "recording")):
        running.session.state.starting = False
        running.show_panel(panel)
        look(running, qapp)
        field = find(running, QLineEdit, name)
        field.setFocus()
        assert running.focusWidget() is field
        before = field.text()
        running.show_panel("motors")
        look(running, qapp)
        assert running.focusWidget() is not field
        press(focused(running), Qt.Key.Key_Space)
        rig.expect(StartRecording)
        assert field.text() == before


def test_a_space_in_a_text_is_a_space(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("recording")
    look(running, qapp)
    name = find(running, QLineEdit, "recording.name")
    name.setFocus()
    press(name, Qt.Key.Key_A)
    press(name, Qt.Key.Key_Space)
    assert name.text().endswith("a ")
    assert not [message for message in rig.heard() if isinstance(message, StartRecording)]


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("frames per plane", "Calibration: frames per plane"),
        ("step", "Motors: focus, step"),
        ("histogram", "Live image: levels of black and white, histogram, contrast"),
        # Nobody has looked at that panel yet.
        ("exposure", "Camera: exposure (ms)"),
        ("score", "Live image: least score of beads that are found"),
        ("roi", "Live image: ROI size"),
    ],
)
def test_the_search_finds_every_setting(running: MainWindow, typed: str, title: str) -> None:
    assert title in [entry.title for entry in matching(entries_of(running), typed)[:5]]


def test_what_is_found_is_seen_and_can_be_set(running: MainWindow, qapp: QApplication) -> None:
    found = {entry.title: entry for entry in entries_of(running) if entry.kind in ("setting", "value")}
    for key, panel in running.panels.items():
        for label, widget in panel.settings():
            found[f"{running.docks[key].windowTitle()}: {label}"].run()
            look(running, qapp)
            assert widget.isVisible(), f"{key}: {label}"


def test_the_search_says_when_it_finds_nothing(running: MainWindow) -> None:
    press(running, Qt.Key.Key_K, CONTROL)
    field = find(running, QLineEdit, "palette.field")
    field.setText("xyzzy")
    nothing = find(running, QLabel, "palette.nothing")
    assert nothing.isVisibleTo(running.palette_bar)
    assert nothing.text() == "Nothing is called “xyzzy”; try another word for it"
    field.setText("motors")
    assert not nothing.isVisibleTo(running.palette_bar)
    assert find(running, QTreeWidget, "palette.list").topLevelItemCount() > 0


def test_saturated_beads_are_a_warning_however_small_they_are(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    label = find(running, QLabel, "image.saturated")

    def told() -> str:
        for _ in range(31):
            look(running, qapp)
        return label.text().strip() if label.isVisible() else ""

    rig.rows(3)
    assert told() == ""
    rig.rows(3, flags=int(TrackFlag.SATURATED | TrackFlag.OVERLAPPED))
    assert told().startswith(f"{MOST_BEADS + 2} beads saturated, ")
    assert told().endswith(" % of the image")
    assert seen(label).pixelColor(1, 1).name() == running.panels["image"].theme.warn.background
    rig.rows(3)
    assert told() == ""


def test_a_gap_in_time_is_a_gap_in_the_line() -> None:
    t_s = np.concatenate((np.arange(50) * 0.01, 1.0 + np.arange(50) * 0.01))
    at, values = with_gaps(t_s, np.arange(100.0))
    assert np.flatnonzero(np.isnan(values)).tolist() == [50]
    assert 0.49 < at[50] < 1.0
    assert np.array_equal(np.delete(values, 50), np.arange(100.0))
    same, _ = with_gaps(t_s[:50] + 0.002 * np.sin(np.arange(50)), np.arange(50.0))
    assert len(same) == 50


def test_a_pause_of_tracking_is_a_gap_in_the_trace(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    start_ns = rig.start_ns
    rig.start_ns = start_ns + 3_000_000_000
    rig.rows(100)
    rig.start_ns = start_ns
    rig.rows(100)
    look(running, qapp)
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    t_s, values = traces.points("x")
    gap = np.flatnonzero(np.isnan(values))
    assert 1 <= len(gap) <= 2
    assert t_s[gap[-1] + 1] - t_s[gap[0] - 1] == pytest.approx(2.0, abs=0.2)


def test_the_traces_of_all_chosen_beads_lie_over_each_other(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rig.rows(100)
    running.session.choose(Selection.of((1, 3, 4), 3))
    look(running, qapp)
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    drawn = [len(traces.points("x", index)[0]) > 0 for index in range(MOST_BEADS)]
    assert drawn == [True, True, True, False, False, False]
    # Each counts from its own middle: z differs by bead in the rows, not in the plot.
    assert all(abs(traces.points("z", index)[1]).max() < 1 for index in range(3))
    theme, title = traces.theme, text_of(running, "traces.title")
    for bead, colour in zip((3, 1, 4), theme.beads, strict=False):
        assert f"<span style='color:{colour}'>—&nbsp;<b>{bead}</b></span>" in title
    running.session.select_all()
    look(running, qapp)
    assert all(len(traces.points("y", index)[0]) > 0 for index in range(MOST_BEADS))
    assert "2 more are chosen and not drawn" in text_of(running, "traces.title")
    running.session.select(1)
    look(running, qapp)
    assert [len(traces.points("x", index)[0]) > 0 for index in (0, 1)] == [True, False]
    assert "Bead 1" in text_of(running, "traces.title")


def test_several_errors_are_dismissed_at_once(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.send(CommandRefused("motors", "first"))
    look(running, qapp)
    everything = find(running, QPushButton, "notice.dismiss_all")
    assert not everything.isVisible()
    rig.send(CommandRefused("motors", "second"))
    look(running, qapp)
    click(everything)
    assert not running.notice.isVisible()


def test_an_axis_that_is_well_again_takes_its_error_back(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rig.send(CommandRefused("camera", "something else"))
    said = "focus is not driven any more: its process has ended"
    rig.send(MotorChanged(MotorStatus("focus", "lost", said)))
    look(running, qapp)
    assert text_of(running, "notice.text") == f"{said}   (and 1 more)"
    rig.send(MotorChanged(MotorStatus("focus", "ready")))
    look(running, qapp)
    assert text_of(running, "notice.text") == "something else"


def test_beads_that_undo_brings_back_are_selected(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.session.choose(Selection.of((2, 5), 5))
    press(running, Qt.Key.Key_Delete)
    assert rig.expect(RemoveBeads) == RemoveBeads((2, 5))
    look(running, qapp)
    assert running.session.selected is None
    press(running, Qt.Key.Key_Z, CONTROL)
    rig.heard()
    look(running, qapp)
    assert running.session.selection.chosen == {2, 5}


def test_buttons_on_the_titles_and_ticks_are_seen_in_the_dark(
    running: MainWindow, qapp: QApplication
) -> None:
    put_on(qapp, DARK)
    running.set_theme(DARK)
    look(running, qapp)
    for again in range(2):
        for name in ("float", "close"):
            button = find(running.docks["traces"], QAbstractButton, f"qt_dockwidget_{name}button")
            assert furthest(button, DARK.window) > 4.5, (name, again)
        running.docks["traces"].setFloating(True)
        running.docks["traces"].setFloating(False)
        look(running, qapp)
    box = TickBox("tick me")
    box.setChecked(True)
    box.resize(box.sizeHint())
    assert furthest(box, DARK.accent.background, right=13) > 4.0


def furthest(widget: QAbstractButton, ground: str, right: int = 1000) -> float:
    """Return the contrast with the ground of the colour that differs most from it."""
    image = seen(widget)
    spots = ((x, y) for x in range(min(right, image.width())) for y in range(image.height()))
    return max(contrast(ground, image.pixelColor(x, y).name()) for x, y in spots)


def test_axes_of_plots_follow_the_size_of_the_text(running: MainWindow, qapp: QApplication) -> None:
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    put_on(qapp, DARK, 24)
    running.set_theme(DARK)
    look(running, qapp)
    axis = traces.plots.getItem(0, 0).getAxis("left")
    assert axis.style["tickFont"].pixelSize() == 24
    assert axis.labelStyle["font-size"] == "24px"
    put_on(qapp, DARK)


def test_what_is_typed_after_a_search_is_no_command(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    shown = running.session.selected
    for typed, name in (("temperature", "camera.temperature"), ("trigger", "camera.trigger")):
        press(running, Qt.Key.Key_K, CONTROL)
        field = find(running, QLineEdit, "palette.field")
        field.setText(typed)
        press(field, Qt.Key.Key_Return)
        look(running, qapp)
        found = find(running, QWidget, name)
        assert running.focusWidget() is found
        assert found.property("found") == "true"
        # Space opens a choice.
        space = () if typed == "trigger" else (Qt.Key.Key_Space,)
        for key in (Qt.Key.Key_A, Qt.Key.Key_B, Qt.Key.Key_R, Qt.Key.Key_Delete, *space):
            press(focused(running), key)
        press(focused(running), Qt.Key.Key_A, CONTROL)
        assert running.focusWidget() is found
        assert not running.image.add_action.isChecked()
        assert running.session.selection == Selection.of((shown,) if shown is not None else ())
        assert rig.heard() == []
        press(focused(running), Qt.Key.Key_Escape)
        assert running.focusWidget() is not found
        assert not found.property("found")
    press(focused(running), Qt.Key.Key_A)
    assert running.image.add_action.isChecked(), "the keys are commands again"


def test_a_value_that_can_only_be_read_is_not_offered_as_a_setting(running: MainWindow) -> None:
    kinds = {entry.title: entry.kind for entry in entries_of(running)}
    assert kinds["Camera: temperature (°C)"] == "value"
    assert kinds["Camera: exposure (ms)"] == "setting"


def test_a_trace_that_leaves_its_middle_finds_it_again(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    rig.rows(3, z_nm=230.0)
    look(running, qapp)
    assert "z&nbsp;230&nbsp;nm" in text_of(running, "traces.title")
    rig.rows(400, z_nm=300.0, ahead_s=4.2)
    look(running, qapp)
    title = text_of(running, "traces.title")
    assert "z&nbsp;300&nbsp;nm" in title
    assert abs(np.nanmedian(traces.points("z")[1])) < 1
    for turn in range(5):
        rig.rows(30, z_nm=304.0, ahead_s=4.6 + 0.35 * turn)
        look(running, qapp)
        assert text_of(running, "traces.title") == title, "what moves a little moves nothing else"


def test_a_bead_that_is_lost_has_no_trace_and_is_said_to_be(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    empty = find(running, QLabel, "traces.empty")
    running.session.select(1)
    rig.rows(50, lost=(1,))
    look(running, qapp)
    assert empty.isVisible()
    assert empty.text().startswith("Bead 1 is lost: ")
    running.session.select(2)
    look(running, qapp)
    assert not empty.isVisible()
    assert "no z" not in text_of(running, "traces.title")
    running.session.set_role("reference")
    running.session.select(1)
    rig.heard()
    look(running, qapp)
    rig.rows(1600, z_nm=np.nan, flags=TrackFlag.NO_ZLUT, step_ns=20_000_000, ahead_s=33.0)
    look(running, qapp)
    assert text_of(running, "traces.title").endswith(" – no z: no Z-LUT")
    find(running, TickBox, "traces.relative").setChecked(True)
    rig.rows(1600, lost=(2,), step_ns=20_000_000, ahead_s=66.0)
    look(running, qapp)
    assert empty.text().startswith("The references are not found (bead 2)")


def test_a_process_that_is_back_is_said_to_be(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    said = "the camera process ended unexpectedly (exit code 1); it is started again in 1 s"
    rig.send(rig.status(processes=(ProcessState("camera", "restarting", 11),)))
    rig.send(LogEntry(rig.start_ns, "supervisor", logging.ERROR, said))
    look(running, qapp)
    assert text_of(running, "notice.text") == said
    rig.send(rig.status())
    look(running, qapp)
    assert text_of(running, "notice.text") == f"{said} – it runs again"
    click(find(running, QPushButton, "notice.dismiss"))
    assert not running.notice.isVisible()
