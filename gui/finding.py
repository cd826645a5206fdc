"""What Ctrl+K can find in a window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QLabel, QWidget

from gui.models.search import Entry
from gui.panels.registry import PANELS

if TYPE_CHECKING:
    from gui.window import MainWindow


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
            found.append(Entry(title, "action", (name,), action.shortcut().toString(), action.trigger))
    return found


def _go_to(window: MainWindow, key: str, widget: QWidget) -> None:
    """Bring a panel to the front, and the keyboard to one of its fields or values."""
    window.show_panel(key)
    window.panels[key].show_setting(widget)
    window.found.show(widget, window.panels[key])
