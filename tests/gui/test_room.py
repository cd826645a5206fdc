"""No text makes the window wider than the screen: STOP ALL MOTORS never leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QTabBar, QTableView, QTableWidget

from gui.models.room import shares
from gui.theme import LIGHT, put_on
from gui.widgets.overlay import SELECTED
from gui.window import MainWindow
from magscope_app.messages import BeadsFound, CommandRefused, Counters, MotorStatus, ProcessState
from tests.gui.hands import click, find, look, retype, seen
from tests.gui.rig import ROI_PX, Rig

NAMES = ("rotation_of_the_magnets_in_the_left_arm", "focus", "magnet_height")


@pytest.fixture
def narrow(window: MainWindow, rig: Rig, qapp: QApplication) -> MainWindow:
    window.hints.hide()
    window.resize(1366, 768)
    window.arrange()
    rig.open_devices()
    rig.add_beads((100.0, 80.0))
    rig.frame()
    rig.rows(20)
    look(window, qapp)
    return window


def all_is_inside(window: MainWindow, qapp: QApplication) -> None:
    assert window.minimumSizeHint().width() <= 1366
    the_strip_is_inside(window, qapp)


def the_strip_is_inside(window: MainWindow, qapp: QApplication) -> None:
    for _ in range(3):
        look(window, qapp)
    assert (window.width(), window.height()) == (1366, 768)
    stop = window.strip.stop_button
    right = stop.mapTo(window, stop.rect().bottomRight())
    assert window.rect().contains(right)
    assert stop.width() >= stop.sizeHint().width()
    edge = 0
    for box in window.strip.boxes.values():
        left = box.mapTo(window, box.rect().topLeft()).x()
        assert left >= edge
        edge = left + box.width()
        assert len(box.value.seen_text) >= min(3, len(box.value.text())), box.value.text()
    assert edge <= stop.mapTo(window, stop.rect().topLeft()).x()


@given(needed=st.lists(st.integers(1, 900), min_size=1, max_size=12), room=st.integers(100, 3000))
def test_room_is_shared_so_that_who_needs_more_gets_it_while_there_is_some(
    needed: list[int], room: int
) -> None:
    widths = shares(needed, room)
    assert sum(widths) <= room or room < len(needed)
    if sum(needed) <= room:
        assert all(width >= one for width, one in zip(widths, needed, strict=True))
        assert sum(widths) > room - len(needed)
    else:
        cut = [width for width, one in zip(widths, needed, strict=True) if width < one]
        assert cut
        assert max(widths) <= min(cut) + 1


def test_the_strip_keeps_inside_whatever_goes_wrong(narrow: MainWindow, rig: Rig, qapp: QApplication) -> None:
    all_is_inside(narrow, qapp)
    before = {key: box.width() for key, box in narrow.strip.boxes.items()}
    motors = tuple(MotorStatus(name, "lost", f"{name} does not answer") for name in NAMES)
    processes = tuple(ProcessState(name, "hung", 1) for name in ("tracking", "recording", "experiment"))
    worst = {
        "motors": motors,
        "processes": processes,
        "counters": Counters(frames_acquired=10**7, lost_ring=1_234_567),
        "recording": Path("/x/y"),
        "recording_seconds": 400_000.0,
        "free_disk_bytes": 3_210_000_000,
        "buffer_level": 1.0,
    }
    for key in ("motors", "processes", "recording"):
        rig.send(rig.status(**{key: worst[key]}))
        all_is_inside(narrow, qapp)
    rig.send(rig.status(**worst))
    all_is_inside(narrow, qapp)
    narrow.session.state.status_at_ns -= 4_000_000_000
    all_is_inside(narrow, qapp)
    calm = tuple(MotorStatus(name, "ready") for name in NAMES)
    rig.send(rig.status(motors=calm))
    all_is_inside(narrow, qapp)
    assert {key: box.width() for key, box in narrow.strip.boxes.items()} == before


@pytest.mark.parametrize("typed", ["1e300", "9" * 300, "x" * 300])
def test_nothing_that_is_typed_widens_the_window(
    narrow: MainWindow, rig: Rig, qapp: QApplication, typed: str
) -> None:
    for panel, name in (
        ("calibration", "calibration.frames"),
        ("calibration", "calibration.step"),
        ("motors", "motor.focus.target"),
        ("camera", "camera.exposure"),
    ):
        narrow.show_panel(panel)
        look(narrow, qapp)
        field = find(narrow, QLineEdit, name)
        retype(field, typed)
        all_is_inside(narrow, qapp)
        assert field.property("refused") or name == "calibration.step"


def test_large_text_does_not_push_the_strip_off_the_screen(narrow: MainWindow, qapp: QApplication) -> None:
    for panel in ("preferences", "calibration", "log"):
        narrow.show_panel(panel)
        put_on(qapp, LIGHT, 24)
        narrow.set_theme(LIGHT)
        the_strip_is_inside(narrow, qapp)
    put_on(qapp, LIGHT)


def test_no_error_widens_the_window(narrow: MainWindow, rig: Rig, qapp: QApplication) -> None:
    rig.send(CommandRefused("motors", "a name without an end: " + 400 * "z"))
    all_is_inside(narrow, qapp)
    assert narrow.notice.text.text().endswith(400 * "z")
    rig.send(CommandRefused("motors", "an error that is far too long: " + 4000 * "z"))
    all_is_inside(narrow, qapp)
    assert "… (Copy has all of it)" in narrow.notice.text.text()
    click(find(narrow, QPushButton, "notice.copy"))
    clipboard = qapp.clipboard()
    assert clipboard is not None
    assert clipboard.text().endswith(4000 * "z")
    assert narrow.notice.height() > 1.5 * narrow.closing.sizeHint().height()


@pytest.mark.parametrize(("width", "height", "font_px"), [(1366, 768, 0), (1920, 1080, 0), (1920, 1080, 20)])
def test_nothing_moves_when_an_error_comes_and_goes(
    narrow: MainWindow, rig: Rig, qapp: QApplication, width: int, height: int, font_px: int
) -> None:
    put_on(qapp, LIGHT, font_px)
    narrow.set_theme(LIGHT)
    narrow.resize(width, height)
    narrow.show_panel("recording")
    for _ in range(3):
        look(narrow, qapp)

    def places() -> dict[str, tuple[int, int, int, int]]:
        return {key: dock.geometry().getRect() for key, dock in narrow.docks.items() if dock.isVisible()}

    before = places()
    rig.send(
        CommandRefused("motors", "focus: 12345 nm is beyond the limit of 10000 nm; choose another target")
    )
    rig.send(CommandRefused("motors", "magnet_height: it does not answer; look at its cable"))
    look(narrow, qapp)
    look(narrow, qapp)
    assert narrow.notice.isVisible()
    assert places() == before
    narrow.session.state.tell("3 beads were written to beads.csv")
    look(narrow, qapp)
    assert narrow.notice.text.text().endswith("(and 1 more)   ✓ 3 beads were written to beads.csv")
    assert not narrow.done.isVisible()
    assert places() == before
    narrow.done.end()
    assert narrow.notice.text.text().endswith("(and 1 more)")
    click(find(narrow, QPushButton, "notice.dismiss_all"))
    look(narrow, qapp)
    assert not narrow.notice.isVisible()
    for text in ("4 beads were written", "1 bead was loaded"):
        narrow.session.state.tell(text)
    look(narrow, qapp)
    assert narrow.done.isVisible()
    assert narrow.done.text.text() == "4 beads were written; 1 bead was loaded"
    assert places() == before
    put_on(qapp, LIGHT)


@pytest.mark.parametrize("panel", ["calibration", "motors", "camera"])
def test_with_controls_open_nothing_of_table_and_search_is_cut(
    narrow: MainWindow, rig: Rig, qapp: QApplication, panel: str
) -> None:
    narrow.show_panel("beads")
    narrow.show_panel(panel)
    narrow.image.finder.look()
    rig.send(BeadsFound(tuple((60.0 + 40 * index, 150.0, 0.9) for index in range(5))))
    for _ in range(3):
        look(narrow, qapp)
    assert narrow.image.finder.score.width() >= 120
    for key in ("image", "beads", panel):
        page = narrow.docks[key].widget()
        assert page is not None
        assert narrow.panels[key].width() <= page.width(), f"{key} is scrolled"
    table = find(narrow, QTableView, "beads.table")
    header, viewport = table.horizontalHeader(), table.viewport()
    assert header is not None
    assert viewport is not None
    assert header.length() <= viewport.width()


def test_large_text_leaves_beads_tabs_and_heads_to_be_seen(
    narrow: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    put_on(qapp, LIGHT, 24)
    narrow.set_theme(LIGHT)
    narrow.show_panel("calibration")
    narrow.show_panel("motors")
    narrow.show_panel("calibration")
    for _ in range(3):
        look(narrow, qapp)
    for bar in narrow.findChildren(QTabBar):
        assert bar.elideMode() == Qt.TextElideMode.ElideNone
        assert bar.usesScrollButtons()
    heads = find(narrow, QTableWidget, "calibration.table").horizontalHeader()
    assert heads is not None
    assert all(
        heads.sectionSize(section) >= heads.fontMetrics().horizontalAdvance("bead") for section in (1,)
    )
    place = find(narrow, QLabel, "motor.focus.position")
    place.ensurePolished()
    assert place.fontInfo().pixelSize() > 24
    view = narrow.image.view
    seen(view)
    side = ROI_PX * view.viewport_now.scale
    (label,) = view.overlay.labels.places([("0", SELECTED)])
    assert label[3] <= 0.6 * side
    put_on(qapp, LIGHT)
