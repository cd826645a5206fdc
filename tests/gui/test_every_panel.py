"""Every panel: alone and all together, on nothing and on everything: no leaks."""

from __future__ import annotations

import gc

import psutil
import pytest
from PyQt6.QtCore import QEvent
from PyQt6.QtWidgets import QApplication

from gui.desk import Desk
from gui.models.preferences import Preferences
from gui.panels.panel import Panel, PanelContext
from gui.panels.registry import PANELS, PanelEntry
from gui.theme import DARK, LIGHT
from gui.window import MainWindow
from tests.gui.hands import look
from tests.gui.rig import Rig

_ROUNDS = 12
#: Growth of memory over all rounds that is no leak of a panel (a picture alone is 0.1 MB).
_ALLOWED_BYTES = 4_000_000
#: Panels that hold much; the others are opened again and again where there is time.
_LARGE = {"image", "traces", "beads", "log", "calibration", "motors", "spectrum"}


def _fill(rig: Rig) -> None:
    rig.open_devices()
    rig.add_beads((100.0, 80.0), (200.0, 150.0))
    rig.frame()
    rig.rows(300)
    rig.profile(0)
    rig.focus(120.0, 120.0, moving=False)


def _open_and_close(rig: Rig, entry: PanelEntry, qapp: QApplication) -> None:
    desk = Desk(Preferences(), rig.session.background)
    panel: Panel = entry.factory(PanelContext(rig.session, DARK, desk))
    panel.resize(500, 400)
    panel.show()
    for _ in range(2):
        panel.refresh(rig.session.pull())
    panel.set_theme(LIGHT)
    qapp.processEvents()
    panel.close()
    panel.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.mark.parametrize("filled", [False, True], ids=["nothing there yet", "running"])
@pytest.mark.parametrize("entry", PANELS, ids=lambda entry: entry.key)
def test_a_panel_works_alone(rig: Rig, qapp: QApplication, entry: PanelEntry, filled: bool) -> None:
    if filled:
        _fill(rig)
    before = len(qapp.topLevelWidgets())
    _open_and_close(rig, entry, qapp)
    gc.collect()
    assert len(qapp.topLevelWidgets()) <= before


def test_all_panels_together_show_everything_at_once(
    window: MainWindow, rig: Rig, qapp: QApplication
) -> None:
    _fill(rig)
    look(window, qapp)
    for number, dock in enumerate(window.docks.values()):
        dock.setFloating(True)
        dock.move(20 * number, 10 * number)
        dock.show()
    qapp.processEvents()
    look(window, qapp)
    assert all(dock.isVisible() and dock.isFloating() for dock in window.docks.values())
    for theme in (DARK, LIGHT):
        window.set_theme(theme)
        look(window, qapp)
    window.arrange()
    look(window, qapp)


@pytest.mark.parametrize(
    "key",
    [pytest.param(entry.key, marks=() if entry.key in _LARGE else pytest.mark.slow) for entry in PANELS],
)
def test_opening_panels_again_and_again_leaks_nothing(rig: Rig, qapp: QApplication, key: str) -> None:
    _fill(rig)
    entry = next(entry for entry in PANELS if entry.key == key)
    for _ in range(5):
        _open_and_close(rig, entry, qapp)
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss, process.num_threads()
    for _ in range(_ROUNDS):
        _open_and_close(rig, entry, qapp)
    gc.collect()
    assert process.memory_info().rss - before[0] < _ALLOWED_BYTES
    assert process.num_threads() <= before[1]
