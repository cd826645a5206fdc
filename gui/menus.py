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
from gui.session import Session

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
        self._session_menu(_menu(bar, "&Session"))
        self._recording(_menu(bar, "&Recording"))
        self._beads(_menu(bar, "&Beads"))
        self._motors(_menu(bar, "&Motors"))
        self._view(_menu(bar, "&View"))
        self._help(_menu(bar, "&Help"))

    def _add(self, menu: QMenu, key: str, text: str, shortcut: str, action: Callable[[], object]) -> QAction:
        entry = QAction(text, self._window)
        entry.setObjectName(f"action.{key}")
        entry.setShortcut(shortcut)
        # A floating panel is a window of its own; the keys work there too.
        entry.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        entry.triggered.connect(lambda: action())
        menu.addAction(entry)
        self.actions[key] = entry
        self._window.desk.add_action(key, entry)
        return entry

    def _session_menu(self, menu: QMenu) -> None:
        files = self._window.files
        self._add(menu, "search", "Find anything …", "Ctrl+K", self._window.palette_bar.open)
        menu.addSeparator()
        self._add(menu, "save_config", "Save as config …", "Ctrl+S", files.save_config)
        self._add(menu, "continue_session", "Continue the last session", "", files.continue_session)
        menu.addSeparator()
        self._add(menu, "close", "Close", "Ctrl+Q", self._window.close)

    def _recording(self, menu: QMenu) -> None:
        session = self._window.session
        self._add(menu, "record", "Start recording", "Space", session.start_recording)
        self._add(menu, "stop_recording", "Stop recording", "Ctrl+Space", session.stop_recording)

    def _beads(self, menu: QMenu) -> None:
        session, files = self._window.session, self._window.files
        self._add(menu, "undo", "Undo", "Ctrl+Z", session.beads.undo)
        self._add(menu, "redo", "Redo", "Ctrl+Y", session.beads.redo)
        menu.addSeparator()
        for action in (self._window.image.tools.add, self._window.image.tools.look):
            menu.addAction(action)
            self._window.desk.add_action(action.objectName(), action)
        find = partial(session.beads.find, preview=False)
        self._add(menu, "find_beads", "Find beads and add them at once", "", find)
        self._add(menu, "select_all", "Select all beads", "Ctrl+A", session.select_all)
        self._add(menu, "remove_bead", "Remove selected beads", "Del", session.remove_selected)
        self._add(
            menu, "reference", "Use selected as references", "R", partial(session.set_role, "reference")
        )
        self._add(menu, "tethered", "Mark selected as tethered", "T", partial(session.set_role, "tethered"))
        self._add(menu, "renumber", "Renumber from top to bottom", "", session.beads.renumber)
        menu.addSeparator()
        self._add(menu, "load_beads", "Load a bead list …", "", files.load_beads)
        self._add(menu, "save_beads", "Save the bead list …", "", files.save_beads)

    def _motors(self, menu: QMenu) -> None:
        self._add(menu, "stop_all", "Stop all motors", "Shift+Esc", self._window.session.stop_motors)

    def _view(self, menu: QMenu) -> None:
        tools = self._window.image.tools
        for action in (tools.zoom_in, tools.zoom_out, tools.fit, tools.levels):
            menu.addAction(action)
            self._window.desk.add_action(action.objectName(), action)
        menu.addSeparator()
        for entry in PANELS:
            if entry.key != "about":
                show = partial(self._window.show_panel, entry.key)
                self._add(menu, f"show.{entry.key}", entry.title, entry.shortcut, show)
        menu.addSeparator()
        for name, text in (("dark", "Dark"), ("light", "Light"), ("system", "As the desktop")):
            choose = partial(self._window.desk.choose_theme, name)
            self._add(menu, f"theme.{name}", f"Theme: {text}", "", choose)
        menu.addSeparator()
        self._add(menu, "arrange", "Arrange panels as at first", "", self._window.arrange)

    def _help(self, menu: QMenu) -> None:
        self._add(menu, "hints", "Show the hints again", "", self._window.desk.show_hints_again)
        self._add(menu, "show.about", "About", "", partial(self._window.show_panel, "about"))

    def set_colour(self, colour: str) -> None:
        """Draw the icons of the panels in a colour."""
        for entry in PANELS:
            self.actions[f"show.{entry.key}"].setIcon(icon(entry.icon, colour))

    def refresh(self, session: Session) -> None:
        """Offer what is possible now."""
        state, edits = session.state, session.beads.edits
        self.actions["record"].setEnabled(state.recording is None and not state.starting)
        # One that is being started can be stopped, too.
        self.actions["stop_recording"].setEnabled(session.is_recording)
        for key, label in (("undo", edits.undo_label), ("redo", edits.redo_label)):
            self.actions[key].setEnabled(bool(label))
            self.actions[key].setText(f"{key.capitalize()} {label}".rstrip())
        if last := self._window.files.last_session:
            self.actions["continue_session"].setText(f"Continue the last session ({last})")


def _menu(bar: QMenuBar, title: str) -> QMenu:
    menu = bar.addMenu(title)
    assert menu is not None
    return menu
