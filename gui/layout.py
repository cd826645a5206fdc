"""Where the docks stand at first."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDockWidget, QMainWindow

from gui.panels.registry import PANELS, Place

#: Below this width the controls share the place of the analysis tabs.
_WIDE_PX = 1600
#: Shares of the width: image, traces, controls.
_WIDE_SHARES = (53, 29, 18)
_NARROW_SHARES = (52, 48)


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
    wide = width >= _WIDE_PX
    stacks: tuple[tuple[QDockWidget, ...], ...]
    for dock in docks.values():
        window.removeDockWidget(dock)
    image = _docks_at("image", docks)[0]
    traces = _docks_at("traces", docks)[0]
    analysis, controls = _docks_at("analysis", docks), _docks_at("controls", docks)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, image)
    window.splitDockWidget(image, traces, Qt.Orientation.Horizontal)
    window.splitDockWidget(traces, analysis[0], Qt.Orientation.Vertical)
    if wide:
        window.splitDockWidget(traces, controls[0], Qt.Orientation.Horizontal)
        # Splitting above put the controls over the analysis only: a column of its own needs the outer area.
        window.removeDockWidget(controls[0])
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, controls[0])
        stacks = (analysis, controls)
    else:
        stacks = ((controls[0], *analysis, *controls[1:]),)
        window.tabifyDockWidget(analysis[0], controls[0])
    for stack in stacks:
        for dock in stack[1:]:
            window.tabifyDockWidget(stack[0], dock)
    for dock in docks.values():
        dock.show()
    for stack in stacks:
        stack[0].raise_()
    columns = [image, traces, controls[0]] if wide else [image, traces]
    shares = _WIDE_SHARES if wide else _NARROW_SHARES
    window.resizeDocks(columns, [width * share // 100 for share in shares], Qt.Orientation.Horizontal)
    window.resizeDocks(
        [traces, analysis[0]], [height * 55 // 100, height * 45 // 100], Qt.Orientation.Vertical
    )


def _docks_at(place: Place, docks: Mapping[str, QDockWidget]) -> tuple[QDockWidget, ...]:
    return tuple(docks[entry.key] for entry in PANELS if entry.place == place)
