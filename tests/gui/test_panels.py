"""Every panel, its controls, its colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTableView,
    QToolButton,
    QWidget,
)

from gui.icons import icon
from gui.panels.registry import PANELS
from gui.theme import DARK, LIGHT, Theme, contrast, put_on
from gui.widgets.elided import ElidedLabel
from gui.window import MainWindow
from magscope_app.calibration.messages import SweepEnded
from magscope_app.messages import (
    CameraSettings,
    CommandRefused,
    Counters,
    HomeMotor,
    JogMotor,
    MoveMotor,
    NextRecording,
    ProcessState,
    RecordingProgress,
    RecordingStarted,
    SetCameraSetting,
)
from tests.gui.hands import click, drag_image, find, look, press, retype, seen, text_of, until
from tests.gui.rig import REPORTS, SETTINGS, Rig


@pytest.fixture
def running(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    rig.open_devices()
    rig.add_beads((100.0, 80.0))
    rig.frame()
    rig.rows(20)
    rig.profile(0)
    rig.focus(120.0, 120.0, moving=False)
    look(window, qapp)
    return window


def test_the_registry_names_everything_once(qapp: QApplication) -> None:
    for names in zip(
        *((entry.key, entry.title, entry.shortcut or entry.key) for entry in PANELS), strict=True
    ):
        assert len(set(names)) == len(PANELS)
    assert all(entry.words for entry in PANELS)
    assert all(not icon(entry.icon, "#000000").isNull() for entry in PANELS)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_every_panel_opens_with_its_key_and_is_drawn_in_its_colours(
    running: MainWindow, qapp: QApplication, theme: Theme
) -> None:
    put_on(qapp, theme)
    running.set_theme(theme)
    for entry in PANELS:
        if entry.shortcut[-1:].isdigit():
            press(running, getattr(Qt.Key, f"Key_{entry.shortcut[-1]}"), Qt.KeyboardModifier.ControlModifier)
        else:
            running.menus.actions[f"show.{entry.key}"].trigger()
        look(running, qapp)
        panel = running.panels[entry.key]
        assert not running.docks[entry.key].visibleRegion().isEmpty(), entry.key
        assert widest_contrast(seen(panel)) > 4.5, entry.key
        assert unreadable(panel) == {}, entry.key


def widest_contrast(image: QImage) -> float:
    """Return the contrast of the commonest colour with the one that differs most from it."""
    counts: dict[str, int] = {}
    for x in range(0, image.width(), 4):
        for y in range(0, image.height(), 4):
            name = image.pixelColor(x, y).name()
            counts[name] = counts.get(name, 0) + 1
    ground = max(counts, key=lambda name: counts[name])
    return max(contrast(ground, colour) for colour in counts)


def unreadable(panel: QWidget) -> dict[str, float]:
    """Return the labels and fields whose palette has too little contrast."""
    found = {}
    for widget in (
        panel.findChildren(QLabel) + panel.findChildren(QLineEdit) + panel.findChildren(QPushButton)
    ):
        widget.ensurePolished()
        palette = widget.palette()
        ratio = contrast(
            palette.color(widget.foregroundRole()).name(), palette.color(widget.backgroundRole()).name()
        )
        if ratio < 4.5:
            found[widget.objectName() or widget.text()] = ratio
    return found


def test_closed_panels_come_back_with_the_first_arrangement(running: MainWindow, qapp: QApplication) -> None:
    for dock in running.docks.values():
        dock.close()
    look(running, qapp)
    assert not any(dock.isVisible() for dock in running.docks.values())
    running.menus.actions["arrange"].trigger()
    look(running, qapp)
    assert {key for key, dock in running.docks.items() if not dock.isHidden()} == {
        entry.key for entry in PANELS if entry.at_first
    }


@pytest.mark.parametrize(("width", "height"), [(3840, 2160), (1920, 1080), (1366, 768)])
def test_nothing_is_cut_off_on_any_screen(
    running: MainWindow, rig: Rig, qapp: QApplication, width: int, height: int
) -> None:
    running.resize(width, height)
    running.arrange()
    rig.send(SweepEnded(REPORTS, Path("data")))
    drag_image(running, (201.0, 51.0), (200.0, 50.0))
    look(running, qapp)
    assert (running.width(), running.height()) == (width, height)
    assert running.image.under.text().endswith(" px   255 DN")
    view = running.image.view
    assert view.width() > 0.45 * width
    for box in running.strip.boxes.values():
        assert box.value.sizeHint().width() <= box.value.width(), box.objectName()
        assert box.value.fontInfo().pixelSize() >= 24
    for entry in PANELS:
        running.show_panel(entry.key)
        look(running, qapp)
        for key in (entry.key, "image", "traces"):
            assert cut_off(running.panels[key]) == [], f"{key} with {entry.key} open"
            page = running.docks[key].widget()
            assert page is not None
            assert running.panels[key].width() <= page.width(), f"{key} is scrolled"


def cut_off(panel: QWidget) -> list[str]:
    """Return the texts of a panel that are wider than their place, and what lies beyond its right edge."""
    found = [name for table in panel.findChildren(QTableView) for name in cut_headers(table)]
    for widget in panel.findChildren(QLabel) + panel.findChildren(QAbstractButton):
        if not widget.isVisible() or not widget.text():
            continue
        right = widget.mapTo(panel, widget.rect().topRight()).x()
        # What may be left out ends in "…", and stands whole in the tooltip.
        elided = isinstance(widget, ElidedLabel) and widget.toolTip() == widget.text()
        wraps = isinstance(widget, QLabel) and widget.wordWrap()
        needed = (
            widget.sizeHint().width()
            if isinstance(widget, QLabel | QCheckBox)
            else widget.fontMetrics().horizontalAdvance(widget.text())
        )
        tall = wraps and widget.heightForWidth(widget.width()) > widget.height()
        inside_area = any(area.isAncestorOf(widget) for area in panel.findChildren(QScrollArea))
        if (right >= panel.width() and not inside_area) or (
            not wraps and not elided and needed > widget.width() and not isinstance(widget, QToolButton)
        ):
            found.append(widget.objectName() or widget.text())
        elif tall and not inside_area:
            found.append(f"{widget.objectName()}: {widget.text()[:60]}")
    return found


def cut_headers(table: QTableView) -> list[str]:
    """Return the headers of a table that are wider than their column, or beyond its right edge."""
    header, model, viewport = table.horizontalHeader(), table.model(), table.viewport()
    if not table.isVisible() or header is None or model is None or viewport is None or header.isHidden():
        return []
    found = []
    for section in range(header.count()):
        lines = str(model.headerData(section, Qt.Orientation.Horizontal) or "").split("\n")
        needed = max(header.fontMetrics().horizontalAdvance(line) for line in lines)
        end = header.sectionViewportPosition(section) + header.sectionSize(section)
        if header.sectionSize(section) < needed + 4 or end > viewport.width():
            found.append(f"{table.objectName()}: {lines}")
    return found


def test_a_click_on_a_field_of_the_strip_tells_more(running: MainWindow, qapp: QApplication) -> None:
    for box in running.strip.boxes.values():
        for dock in running.docks.values():
            dock.hide()
        click(box)
        qapp.processEvents()
        assert sum(dock.isVisible() for dock in running.docks.values()) == 1, box.objectName()


def test_camera_controls_follow_the_description(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("camera")
    look(running, qapp)
    rig.heard()
    retype(find(running, QLineEdit, "camera.exposure"), "2.5")
    assert rig.expect(SetCameraSetting) == SetCameraSetting("exposure", 2.5)
    click(find(running, QCheckBox, "camera.flip"), QPoint(8, 8))
    assert rig.expect(SetCameraSetting) == SetCameraSetting("flip", value=True)
    find(running, QComboBox, "camera.trigger").textActivated.emit("external")
    assert rig.expect(SetCameraSetting) == SetCameraSetting("trigger", "external")
    retype(find(running, QLineEdit, "camera.label"), "right")
    assert rig.expect(SetCameraSetting) == SetCameraSetting("label", "right")
    assert text_of(running, "camera.temperature") == "31.5"


@pytest.mark.parametrize(
    ("name", "typed"), [("exposure", "11"), ("exposure", "fast"), ("gain", "2.5"), ("gain", "nan")]
)
def test_a_wrong_setting_is_refused_in_place(
    running: MainWindow, rig: Rig, qapp: QApplication, name: str, typed: str
) -> None:
    running.show_panel("camera")
    look(running, qapp)
    rig.heard()
    field = find(running, QLineEdit, f"camera.{name}")
    retype(field, typed)
    assert not [m for m in rig.heard() if isinstance(m, SetCameraSetting)]
    assert field.property("refused")
    assert name in field.toolTip() or "no number" in field.toolTip()
    press(field, Qt.Key.Key_Escape)
    assert not field.property("refused")
    assert field.text() == {"exposure": "5", "gain": "3"}[name]


def test_what_the_camera_made_of_a_value_is_shown(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("camera")
    look(running, qapp)
    field = find(running, QLineEdit, "camera.exposure")
    retype(field, "2.5")
    changed = tuple(
        type(s)(s.name, s.kind, 2.4, s.unit, s.limits, help=s.help) if s.name == "exposure" else s
        for s in SETTINGS
    )
    rig.send(CameraSettings(changed))
    look(running, qapp)
    assert field.text() == "2.4"


def test_an_axis_is_moved_and_jogged_within_its_limits(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    running.show_panel("motors")
    look(running, qapp)
    rig.heard()
    assert text_of(running, "motor.focus.position") == "120 nm"
    retype(find(running, QLineEdit, "motor.focus.target"), "-250")
    assert rig.expect(MoveMotor) == MoveMotor("focus", -250.0)
    retype(find(running, QLineEdit, "motor.focus.step"), "20")
    click(find(running, QPushButton, "motor.focus.back"))
    assert rig.expect(JogMotor) == JogMotor("focus", -20.0)
    retype(find(running, QLineEdit, "motor.focus.target"), "501")
    assert not [m for m in rig.heard() if isinstance(m, MoveMotor | JogMotor | HomeMotor)]
    rig.focus(-130.0, -250.0, moving=True)
    look(running, qapp)
    assert text_of(running, "motor.focus.position") == "-130 nm"
    assert text_of(running, "status.motors.value") == "1 moving"


def test_motors_are_not_moved_before_they_are_open(window: MainWindow, rig: Rig, qapp: QApplication) -> None:
    window.show_panel("motors")
    look(window, qapp)
    assert not find(window, QPushButton, "motor.focus.go").isEnabled()


def test_lost_frames_a_full_buffer_and_a_dead_process_change_colour(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    calm = {key: seen(box).pixelColor(4, 4).name() for key, box in running.strip.boxes.items()}
    rig.send(
        rig.status(
            counters=Counters(frames_acquired=1000, lost_ring=7),
            buffer_level=0.8,
            free_disk_bytes=3_000_000_000,
            processes=(ProcessState("tracking", "dead"),),
            acquiring=False,
        )
    )
    look(running, qapp)
    for key in ("fps", "buffer", "lost", "disk", "processes"):
        assert (
            seen(running.strip.boxes[key]).pixelColor(4, 4).name() == LIGHT.alarm.background != calm[key]
        ), key
    assert text_of(running, "status.lost.value") == "7"
    assert text_of(running, "status.buffer.value") == "80 %"
    assert text_of(running, "status.processes.value") == "tracking"


@pytest.mark.parametrize(
    ("state", "loud"),
    [("failed", "alarm"), ("hung", "alarm"), ("restarting", "warn"), ("slow", "warn"), ("running", None)],
)
def test_the_state_of_a_process_is_shown(
    state: str, loud: str | None, running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    calm = seen(running.strip.boxes["processes"]).pixelColor(4, 4).name()
    running.show_panel("system")
    rig.send(rig.status(processes=(ProcessState("gui", "running"), ProcessState("tracking", state))))
    look(running, qapp)
    colour = {"alarm": LIGHT.alarm.background, "warn": LIGHT.warn.background, None: calm}[loud]
    assert seen(running.strip.boxes["processes"]).pixelColor(4, 4).name() == colour
    assert text_of(running, "status.processes.value") == ("tracking" if loud else "all well")
    assert state in text_of(running, "system.processes")


def test_a_recording_says_for_how_long_the_disk_lasts(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    running.show_panel("recording")
    rig.send(RecordingStarted(tmp_path, "Track"), rig.status(recording=tmp_path))
    for minutes, tone in ((240.0, None), (12.0, LIGHT.warn), (2.5, LIGHT.alarm)):
        rig.send(RecordingProgress(100, minutes))
        look(running, qapp)
        box = running.strip.boxes["disk"]
        assert box.value.text() == ("4 h" if minutes == 240 else f"{minutes:.0f} min")
        assert tone is None or seen(box).pixelColor(4, 4).name() == tone.background
        assert f"812 GB free, enough for {box.value.text()}" in text_of(running, "recording.disk")


def test_an_old_image_looks_old(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.frame()
    look(running, qapp)
    view = running.image.view
    spot = view.rect().center()
    spot.setX(view.width() - 30)
    bright = seen(view).pixelColor(spot).lightness()
    assert view.stale_text == ""
    rig.frame(age_s=3.0)
    look(running, qapp)
    assert view.stale_text == "No new image for 3.0 s"
    assert seen(view).pixelColor(spot).lightness() < 0.6 * bright


def test_old_rows_look_old_everywhere(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.show_panel("beads")
    look(running, qapp)
    model = find(running, QTableView, "beads.table").model()
    assert model is not None
    assert model.index(0, 8).data() == "✓ tracked"
    fresh = model.index(0, 2).data(Qt.ItemDataRole.ForegroundRole)
    assert fresh is None
    running.session.history.newest_t_s -= 3.0
    look(running, qapp)
    assert re.fullmatch(r"[3-9]\.\d s old", model.index(0, 8).data())
    assert model.index(0, 2).data(Qt.ItemDataRole.ForegroundRole).color().name() == LIGHT.dim
    assert re.search(r"no new positions for [3-9]\.", text_of(running, "traces.title"))
    running.show_panel("profile")
    look(running, qapp)
    assert " s old" in text_of(running, "profile.text")


def test_a_supervisor_that_says_nothing_is_noticed(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.session.state.status_at_ns -= 4_000_000_000
    look(running, qapp)
    assert "no news for 4." in running.strip.boxes["fps"].caption.text()
    assert seen(running.strip.boxes["fps"]).pixelColor(4, 4).name() == LIGHT.alarm.background


def test_a_minimised_window_does_not_copy_images(running: MainWindow, rig: Rig, qapp: QApplication) -> None:
    running.docks["image"].close()
    rig.frame()
    assert running.session.pull(picture=False).picture is None
    look(running, qapp)
    running.show_panel("image")
    until(running, qapp, lambda: "frame 1" in text_of(running, "image.age"))


def test_of_several_errors_the_newest_is_shown_and_the_others_are_counted(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rig.send(
        CommandRefused("motors", "first"),
        CommandRefused("motors", "second"),
        CommandRefused("motors", "first"),
    )
    look(running, qapp)
    assert text_of(running, "notice.text") == "first   (and 1 more)"
    click(find(running, QPushButton, "notice.dismiss"))
    assert text_of(running, "notice.text") == "second"


def test_the_counters_of_lost_frames_are_listed_by_place(
    running: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    rig.send(rig.status(counters=Counters(frames_acquired=12345, lost_ring=7, lost_upstream=2)))
    running.show_panel("system")
    look(running, qapp)
    assert text_of(running, "system.frames_acquired") == "12\u2009345"
    assert "7" in text_of(running, "system.lost_ring")
    assert LIGHT.alarm.background in text_of(running, "system.lost_upstream")
    assert text_of(running, "system.lost_tracking") == "0"
    assert "tracking" in text_of(running, "system.processes")


def test_choosing_a_folder_holds_nothing_up(
    running: MainWindow, rig: Rig, qapp: QApplication, tmp_path: Path
) -> None:
    running.show_panel("recording")
    click(find(running, QPushButton, "recording.browse"))
    dialog = find(running, QFileDialog, "recording.dialog")
    assert dialog.isVisible()
    assert not dialog.isModal()
    rig.frame()
    until(running, qapp, lambda: "frame 1" in text_of(running, "image.age"))
    dialog.fileSelected.emit(str(tmp_path))
    dialog.close()
    assert running.session.recording_order.folder == tmp_path
    assert rig.expect(NextRecording).folder == tmp_path
