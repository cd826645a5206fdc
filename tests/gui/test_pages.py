"""Panels that need more room than there is scroll: none is drawn over another or over the strip."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest
from PyQt6.QtCore import QRect
from PyQt6.QtWidgets import QApplication, QScrollArea, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from gui.panels.traces import TracesPanel
from gui.theme import LIGHT, put_on
from gui.window import MainWindow
from tests.gui.hands import find, look
from tests.gui.rig import Rig


@pytest.fixture
def narrow(window: MainWindow, rig: Rig, qapp: QApplication) -> Iterator[MainWindow]:
    window.resize(1366, 768)
    window.arrange()
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (200.0, 150.0))
    rig.frame()
    rig.rows(20, z_nm=12345.0)
    window.session.select(0)
    look(window, qapp)
    yield window
    put_on(qapp, LIGHT)


def with_text(window: MainWindow, qapp: QApplication, size_px: int) -> None:
    put_on(qapp, LIGHT, size_px)
    window.set_theme(LIGHT)
    for _ in range(3):
        look(window, qapp)


def places(window: MainWindow) -> dict[str, QRect]:
    """Return where the docks that are seen, and the strip, are in the window."""
    shown = {key: dock for key, dock in window.docks.items() if not dock.visibleRegion().isEmpty()}
    parts = {**shown, "strip": window.strip}
    return {key: QRect(part.mapTo(window, part.rect().topLeft()), part.size()) for key, part in parts.items()}


def test_large_text_scrolls_in_its_panel_and_covers_nothing(narrow: MainWindow, qapp: QApplication) -> None:
    for size_px in (0, 24):
        with_text(narrow, qapp, size_px)
        labels_are_apart(narrow)
        for opened in ("beads", "motors", "calibration", "system"):
            narrow.show_panel(opened)
            for _ in range(3):
                look(narrow, qapp)
            said = f"{opened} at {size_px} px"
            nothing_is_covered(narrow, opened, said)
            if opened == "beads":
                continue
            page_fits(narrow, opened, said)
            no_number_is_cut(narrow, said)


def nothing_is_covered(window: MainWindow, opened: str, said: str) -> None:
    found = places(window)
    assert opened in found, said
    for key, place in found.items():
        assert window.rect().contains(place), f"{key}: {said}"
        over = [other for other, its in found.items() if other != key and its.intersects(place)]
        assert over == [], f"{key}: {said}"


def page_fits(window: MainWindow, opened: str, said: str) -> None:
    """Controls have the width that they need; what is below is scrolled to."""
    page, panel = window.docks[opened].widget(), window.panels[opened]
    assert isinstance(page, QScrollArea)
    bar, layout, room = page.verticalScrollBar(), panel.layout(), page.maximumViewportSize()
    assert bar is not None
    assert layout is not None
    assert panel.width() <= room.width(), said
    assert panel.height() >= layout.minimumSize().height(), said
    assert bar.maximum() == max(0, panel.height() - room.height()), said


def labels_are_apart(window: MainWindow) -> None:
    traces = window.panels["traces"]
    assert isinstance(traces, TracesPanel)
    rects = [plot.getAxis("left").label.sceneBoundingRect() for plot in traces.plots.ci.items]
    assert len(rects) == 3
    assert max(rect.bottom() for rect in rects) < traces.plots.height()
    for first, second in combinations(rects, 2):
        assert first.bottom() <= second.top() + 1 or second.bottom() <= first.top() + 1


def no_number_is_cut(window: MainWindow, said: str) -> None:
    table = find(window, QTableView, "beads.table")
    header, model = table.horizontalHeader(), table.model()
    viewport, delegate = table.viewport(), table.itemDelegate()
    assert header is not None
    assert model is not None
    assert viewport is not None
    assert isinstance(delegate, QStyledItemDelegate)
    for column in range(header.count()):
        assert table.sizeHintForColumn(column) <= header.sectionSize(column), f"{column} beside {said}"
        index, option = model.index(0, column), QStyleOptionViewItem()
        option.rect = table.visualRect(index)
        delegate.initStyleOption(option, index)
        whole = option.rect.right() < viewport.width()
        assert option.text == (index.data() if whole else "…"), f"{column} beside {said}"
