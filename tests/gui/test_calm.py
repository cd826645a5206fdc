"""What stays as it is, and what is not done: stops, columns, layout, origins, doubts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLabel, QLineEdit

from gui.application import open_window
from gui.finding import entries_of
from gui.models.folders import why_no_folder
from gui.models.search import matching
from gui.panels.traces import TracesPanel
from gui.theme import LIGHT, put_on
from gui.window import MainWindow
from magscope_app.messages import (
    CommandRefused,
    LogEntry,
    Message,
    RecordingStarted,
    StartRecording,
    StopRecording,
)
from magscope_app.tracking.flags import TrackFlag
from tests.gui.hands import CONTROL, find, look, press, retype, text_of, until
from tests.gui.rig import Rig
from tests.gui.test_frame import end

REFUSED = CommandRefused("recording", "the disk is full", command="StartRecording")


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (220.0, 150.0))
    rig.frame()
    look(window, qapp)
    rig.heard()
    return window


def test_a_stop_that_was_asked_for_early_stops_no_other_recording(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.session.start_recording()
    running.session.stop_recording()
    rig.send(REFUSED)
    look(running, qapp)
    rig.expect(StartRecording)
    rig.send(RecordingStarted(Path("somebody's"), "Track"))
    look(running, qapp)
    assert not [message for message in rig.heard() if isinstance(message, StopRecording)]
    assert not running.session.state.stopping


@pytest.mark.parametrize(
    "other",
    [
        CommandRefused("motors", "too far"),
        CommandRefused("supervisor", "no bead"),
        CommandRefused("recording", "name"),
    ],
)
def test_another_refusal_says_nothing_about_the_recording(
    running: MainWindow, rig: Rig, qapp: QApplication, other: CommandRefused
) -> None:
    def waits_after(message: Message) -> tuple[bool, bool]:
        rig.send(message)
        look(running, qapp)
        return running.session.state.starting, running.session.state.stopping

    running.session.start_recording()
    assert waits_after(other) == (True, False)
    assert waits_after(REFUSED) == (False, False)
    assert waits_after(RecordingStarted(Path("a"), "Track")) == (False, False)
    running.session.stop_recording()
    assert waits_after(other) == (False, True)


def test_heights_that_are_biased_are_said_to_be(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.rows(75)
    look(running, qapp)
    assert "biased" not in text_of(running, "traces.title")
    rig.rows(25, flags=TrackFlag.SATURATED, ahead_s=0.3)
    look(running, qapp)
    title = text_of(running, "traces.title")
    assert "z is biased: saturated in 2" in title
    assert running.panels["traces"].theme.warn.background in title
    running.session.select_all()
    look(running, qapp)
    assert "1 saturated in 2" in text_of(running, "traces.title")


def test_the_image_keeps_its_share_of_the_window(running: MainWindow, qapp: QApplication) -> None:
    def share() -> float:
        for _ in range(3):
            qapp.processEvents()
            running._due_s["strip"] = 0.0
            look(running, qapp)
        return running.docks["image"].width() / running.width()

    at_first = share()
    running.resize(3000, 1400)
    assert share() == pytest.approx(at_first, abs=0.03)
    running.resize(1700, 900)
    assert share() == pytest.approx(at_first, abs=0.03)
    # Who drags a border chooses another share.
    running.resizeDocks([running.docks["image"]], [600], Qt.Orientation.Horizontal)
    chosen = share()
    assert chosen < at_first - 0.1
    running.resize(2600, 1400)
    assert share() == pytest.approx(chosen, abs=0.03)


def test_saturation_does_not_hide_number_and_age_of_the_frame(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.resize(1366, 768)
    running.arrange()
    running.show_panel("recording")
    rig.rows(3, flags=TrackFlag.SATURATED)
    for _ in range(31):
        rig.frame()
        look(running, qapp)
    age = find(running, QLabel, "image.age")
    assert find(running, QLabel, "image.saturated").isVisible()
    assert age.fontMetrics().horizontalAdvance(age.text()) <= age.width()
    assert age.text().startswith("live · frame ")


def test_the_layout_is_kept_without_a_clean_end(rig: Rig, qapp: QApplication, tmp_path: Path) -> None:
    window = open_window(qapp, rig.session, tmp_path)
    file = tmp_path / "window.json"
    until(window, qapp, lambda: file.exists() and bool(json.loads(file.read_text())["layout"]))
    end(window, qapp)


@pytest.mark.parametrize("typed", ["reset layout", "layout", "reset"])
def test_the_first_arrangement_is_found_by_other_words(running: MainWindow, typed: str) -> None:
    assert "Arrange panels as at first" in [entry.title for entry in matching(entries_of(running), typed)[:3]]


def test_the_search_is_a_window_over_panels_that_float(running: MainWindow, qapp: QApplication) -> None:
    running.docks["traces"].setFloating(True)
    press(running, Qt.Key.Key_K, CONTROL)
    qapp.processEvents()
    assert running.palette_bar.isWindow()
    assert running.palette_bar.isVisible()
    press(find(running, QLineEdit, "palette.field"), Qt.Key.Key_Escape)
    assert not running.palette_bar.isVisible()


def test_everything_grows_with_the_text(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    names = "notice.text", "traces.empty", "status.fps.value"
    rig.send(LogEntry(0, "camera", 40, "broken"))
    look(running, qapp)

    def sizes() -> list[int]:
        running._due_s["strip"] = 0.0
        look(running, qapp)
        labels = [find(running, QLabel, name) for name in names[:2]]
        widgets = [*labels, running.strip.boxes["fps"].caption, running.panels["recording"].button]  # type: ignore[attr-defined]  # of that panel
        for widget in widgets:
            widget.ensurePolished()
        return [widget.fontInfo().pixelSize() for widget in widgets]

    before = sizes()
    put_on(qapp, LIGHT, 24)
    running.set_theme(LIGHT)
    assert all(new > 1.5 * old for old, new in zip(before, sizes(), strict=True)), (before, sizes())
    put_on(qapp, LIGHT)


def test_zero_stays_as_long_as_it_is_in_the_trace(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    origins = set()
    rig.rows(300, z_nm=500.0, ahead_s=3.0)
    look(running, qapp)
    for turn in range(8):
        rig.rows(30, z_nm=500.0 + 2.0 * turn, ahead_s=3.4 + 0.35 * turn)
        look(running, qapp)
        origins.add(text_of(running, "traces.title"))
    assert len(origins) == 1


def test_the_first_points_do_not_decide_for_a_minute(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    traces = running.panels["traces"]
    assert isinstance(traces, TracesPanel)
    rig.rows(3, z_nm=504.0)
    look(running, qapp)
    rig.rows(300, z_nm=500.0, ahead_s=3.1)
    look(running, qapp)
    assert abs(np.nanmedian(traces.points("z")[1])) < 1


def test_the_log_counts_what_it_shows(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("log")
    rig.send(*(LogEntry(0, "camera", level, f"line {level}") for level in (20, 20, 30)))
    look(running, qapp)
    everything = running.session.state.log_count
    retype(find(running, QLineEdit, "log.words"), "line 30")
    look(running, qapp)
    assert text_of(running, "log.count") == f"1 of {everything} lines"
    find(running, QLineEdit, "log.words").clear()
    look(running, qapp)
    assert text_of(running, "log.count") == f"{everything} lines"


@pytest.mark.skipif(
    sys.platform != "linux", reason="a folder that nobody can write into, whatever their rights"
)
def test_a_folder_that_cannot_be_made_is_refused() -> None:
    said = why_no_folder(Path("/proc/nothing"))
    assert said is not None
    assert said.startswith("nothing can be written into /proc (")


def test_a_folder_is_tried_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    assert why_no_folder(tmp_path / "new" / "folder") is None
    assert list(tmp_path.iterdir()) == []
