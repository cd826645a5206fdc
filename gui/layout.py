"""Where the docks stand at first."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDockWidget, QMainWindow

from gui.panels.registry import PANELS, Place

#: Below this width the controls are folded to icons.
_WIDE_PX = 1600
#: Shares of the width: image, traces, controls.
_WIDE_SHARES = (53, 28, 19)
_NARROW_SHARES = (54, 46)


def is_wide(width: int) -> bool:
    """Return whether a window of this width has room for the column of controls."""
    return width >= _WIDE_PX


def arrange(window: QMainWindow, docks: Mapping[str, QDockWidget], width: int, height: int) -> None:
    """Put every dock where it belongs in a window of this size.

    Parameters
    ----------
    window : QMainWindow
        Takes the docks.
    docks : mapping
        Dock by the key of its panel.
    width, height : int
        Size of the window in pixels.
    """
    wide = is_wide(width)
    for dock in docks.values():
        dock.setFloating(False)
        window.removeDockWidget(dock)
    image, traces = docks["image"], docks["traces"]
    analysis, controls = _docks_at("analysis", docks), _docks_at("controls", docks)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, image)
    window.splitDockWidget(image, traces, Qt.Orientation.Horizontal)
    window.splitDockWidget(traces, analysis[0], Qt.Orientation.Vertical)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, controls[0])
    _stack(window, analysis)
    _stack(window, controls)
    image.show()
    traces.show()
    for entry in PANELS:
        if not entry.at_first or (entry.place == "controls" and not wide):
            docks[entry.key].hide()
    analysis[0].raise_()
    columns = [image, traces, controls[0]] if wide else [image, traces]
    shares = _WIDE_SHARES if wide else _NARROW_SHARES
    window.resizeDocks(columns, [width * share // 100 for share in shares], Qt.Orientation.Horizontal)
    window.resizeDocks(
        [traces, analysis[0]], [height * 55 // 100, height * 45 // 100], Qt.Orientation.Vertical
    )


def _stack(window: QMainWindow, docks: tuple[QDockWidget, ...]) -> None:
    """Make the docks tabs of one place, with the first on top."""
    for dock in docks[1:]:
        window.tabifyDockWidget(docks[0], dock)
    for dock in docks:
        dock.show()
    docks[0].raise_()


def _docks_at(place: Place, docks: Mapping[str, QDockWidget]) -> tuple[QDockWidget, ...]:
    return tuple(docks[entry.key] for entry in PANELS if entry.place == place)
