"""What Ctrl+K can find in a window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QLabel, QWidget

from gui.models.search import Entry
from gui.panels.registry import PANELS

if TYPE_CHECKING:
    from gui.window import MainWindow

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
    """Return every panel, every setting and value of every panel, and every action that is possible now."""
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
    for name, action in window.desk.actions.items():
        if action.isEnabled() and not name.startswith("show."):
            title = action.text().replace("&", "")
            words = (name, *_WORDS.get(name, ()))
            found.append(Entry(title, "action", words, action.shortcut().toString(), action.trigger))
    return found


def _go_to(window: MainWindow, key: str, widget: QWidget) -> None:
    """Bring a panel to the front, and the keyboard to one of its fields or values."""
    window.show_panel(key)
    window.panels[key].show_setting(widget)
    window.found.show(widget, window.panels[key])
