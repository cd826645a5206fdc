"""The controls as icons at the right edge, where the window is too narrow for their column."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QDockWidget, QToolBar

from gui.desk import Desk
from gui.icons import icon
from gui.panels.registry import PANELS


class IconBar(QToolBar):
    """An icon for every panel of controls; a click opens it, another closes it.

    Parameters
    ----------
    docks : mapping
        Dock by the key of its panel.
    show_panel : callable
        Brings a panel to the front.
    """

    def __init__(self, docks: Mapping[str, QDockWidget], show_panel: Callable[[str], None]) -> None:
        super().__init__("Controls")
        self.setObjectName("icons")
        self.setMovable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setIconSize(QSize(26, 26))
        self._actions: list[tuple[QAction, str]] = []
        for entry in PANELS:
            if entry.place == "controls":
                action = QAction(entry.title, self)
                action.setObjectName(f"icons.{entry.key}")
                action.triggered.connect(
                    lambda _, key=entry.key: docks[key].hide() if _is_seen(docks[key]) else show_panel(key)
                )
                self.addAction(action)
                self._actions.append((action, entry.icon))

    def tell_keys(self, desk: Desk) -> None:
        """Say with which key each panel is shown, too."""
        for action, _ in self._actions:
            key = action.objectName().removeprefix("icons.")
            action.setToolTip(desk.with_key(action.text(), f"show.{key}"))

    def set_colour(self, colour: str) -> None:
        """Draw the icons in a colour."""
        for action, name in self._actions:
            action.setIcon(icon(name, colour))


def _is_seen(dock: QDockWidget) -> bool:
    return dock.isVisible() and not dock.visibleRegion().isEmpty()
