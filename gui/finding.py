"""What Ctrl+K can find in a window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QLabel, QWidget

from gui.models.search import Entry
from gui.panels.panel import Command
from gui.panels.registry import PANELS, PanelEntry

if TYPE_CHECKING:
    from gui.window import MainWindow

#: The kind of what cannot be done at the moment.
_NOT_NOW = "not possible now"
#: Other words for actions, by name.
_WORDS = {
    "arrange": ("layout", "reset", "default", "docks", "windows", "restore"),
    "close": ("quit", "exit", "end"),
    "continue_session": ("restore", "resume", "load"),
    "find_beads": ("search", "detect", "add"),
    "hints": ("help", "tips"),
    "image.add": ("new", "click", "roi"),
    "image.find": ("search", "detect"),
    "image.fit": ("zoom", "reset", "view"),
    "image.levels": ("contrast", "brightness", "histogram"),
    "load_beads": ("open", "rois", "positions"),
    "record": ("acquire", "save", "dataset"),
    "redo": ("again",),
    "reference": ("stuck", "fixed", "role"),
    "remove_bead": ("delete", "roi"),
    "renumber": ("sort", "order", "ids"),
    "save_beads": ("export", "rois", "positions"),
    "save_config": ("export", "settings", "toml"),
    "select_all": ("choose",),
    "stop_all": ("halt", "emergency", "axes"),
    "stop_recording": ("end", "finish"),
    "tethered": ("dna", "role"),
    "theme.dark": ("colours", "night", "appearance"),
    "theme.light": ("colours", "day", "appearance"),
    "theme.system": ("colours", "appearance"),
    "undo": ("back", "revert"),
}


def entries_of(window: MainWindow) -> list[Entry]:
    """Return every panel, every setting, value and button of every panel, and every action."""
    found = [
        Entry(entry.title, "panel", entry.words, entry.shortcut, partial(window.show_panel, entry.key))
        for entry in PANELS
    ]
    for entry in PANELS:
        for label, widget in window.panels[entry.key].settings():
            words = (entry.title, *entry.words, *widget.toolTip().split())
            found.append(
                Entry(
                    f"{entry.title}: {label}",
                    "value" if isinstance(widget, QLabel) else "setting",
                    words,
                    "",
                    partial(_go_to, window, entry.key, widget),
                )
            )
        commands = window.panels[entry.key].commands()
        if commands:
            # A panel that nobody sees does not know what is possible now.
            window.refresh_panel(entry.key)
        for label, command in commands:
            found.append(_entry_of(window, entry, label, command))
    for name, action in window.desk.actions.items():
        if not name.startswith("show."):
            title = action.text().replace("&", "")
            words = (name, *_WORDS.get(name, ()))
            kind = "action" if action.isEnabled() else _NOT_NOW
            found.append(Entry(title, kind, words, action.shortcut().toString(), action.trigger))
    return found


def _entry_of(window: MainWindow, entry: PanelEntry, label: str, command: Command) -> Entry:
    """Return the entry of a button; one that cannot be pressed now is shown where it stands."""
    panel = window.panels[entry.key]
    there = isinstance(command, QAction) or command.isVisibleTo(panel)
    possible = command.isEnabled() and there
    words = (entry.title, *entry.words, *command.toolTip().split())

    def run() -> None:
        window.show_panel(entry.key)
        if possible:
            command.trigger() if isinstance(command, QAction) else command.click()
        elif isinstance(command, QWidget):
            _go_to(window, entry.key, command)

    return Entry(f"{entry.title}: {label}", "action" if possible else _NOT_NOW, words, "", run)


def _go_to(window: MainWindow, key: str, widget: QWidget) -> None:
    """Bring a panel to the front, and the keyboard to one of its fields or values."""
    window.show_panel(key)
    window.panels[key].show_setting(widget)
    window.found.show(widget, window.panels[key])
