"""Menus and shortcuts: everything that can be done has an entry that names its key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QMenuBar

from gui.icons import icon
from gui.panels.registry import PANELS

if TYPE_CHECKING:
    from gui.window import MainWindow


class Menus:
    """Builds the menu bar of a window.

    Parameters
    ----------
    window : MainWindow
        Carries out the actions.
    bar : QMenuBar
        Takes the menus.
    """

    def __init__(self, window: MainWindow, bar: QMenuBar) -> None:
        self._window = window
        self.actions: dict[str, QAction] = {}
        self._recording(_menu(bar, "&Recording"))
        self._beads(_menu(bar, "&Beads"))
        self._motors(_menu(bar, "&Motors"))
        self._view(_menu(bar, "&View"))

    def _add(self, menu: QMenu, key: str, text: str, shortcut: str, action: Callable[[], object]) -> QAction:
        entry = QAction(text, self._window)
        entry.setObjectName(f"action.{key}")
        entry.setShortcut(shortcut)
        # A floating panel is a window of its own; the keys work there too.
        entry.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        entry.triggered.connect(lambda: action())
        menu.addAction(entry)
        self.actions[key] = entry
        return entry

    def _recording(self, menu: QMenu) -> None:
        session = self._window.session
        self._add(menu, "record", "Start recording", "Space", session.start_recording)
        self._add(menu, "stop_recording", "Stop recording", "Ctrl+Space", session.stop_recording)
        menu.addSeparator()
        self._add(menu, "close", "Close", "Ctrl+Q", self._window.close)

    def _beads(self, menu: QMenu) -> None:
        menu.addAction(self._window.image.add_action)
        self._add(menu, "find_beads", "Find beads in the image", "", self._window.session.find_beads)
        self._add(menu, "remove_bead", "Remove selected bead", "Del", self._window.remove_chosen_beads)

    def _motors(self, menu: QMenu) -> None:
        self._add(menu, "stop_all", "Stop all motors", "Shift+Esc", self._window.session.stop_motors)

    def _view(self, menu: QMenu) -> None:
        for action in self._window.image.actions_of_image:
            if action is not self._window.image.add_action:
                menu.addAction(action)
        menu.addSeparator()
        for entry in PANELS:
            self._add(
                menu,
                f"show.{entry.key}",
                entry.title,
                entry.shortcut,
                partial(self._window.show_panel, entry.key),
            )
        menu.addSeparator()
        self._add(menu, "arrange", "Arrange panels as at first", "", self._window.arrange)

    def set_colour(self, colour: str) -> None:
        """Draw the icons of the panels in a colour."""
        for entry in PANELS:
            self.actions[f"show.{entry.key}"].setIcon(icon(entry.icon, colour))


def _menu(bar: QMenuBar, title: str) -> QMenu:
    menu = bar.addMenu(title)
    assert menu is not None
    return menu
