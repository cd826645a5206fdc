"""What Ctrl+K can find in a window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QLineEdit, QWidget

from gui.models.search import Entry
from gui.panels.registry import PANELS

if TYPE_CHECKING:
    from gui.window import MainWindow


def entries_of(window: MainWindow) -> list[Entry]:
    """Return every panel, every setting of every panel, and every action that is possible now."""
    found = [
        Entry(entry.title, "panel", entry.words, entry.shortcut, partial(window.show_panel, entry.key))
        for entry in PANELS
    ]
    for entry in PANELS:
        for label, widget in window.panels[entry.key].settings():
            words = (entry.title, *entry.words, *widget.toolTip().split())
            found.append(
                Entry(
                    f"{entry.title}: {label}", "setting", words, "", partial(_edit, window, entry.key, widget)
                )
            )
    for name, action in window.desk.actions.items():
        if action.isEnabled() and not name.startswith("show."):
            title = action.text().replace("&", "")
            found.append(Entry(title, "action", (name,), action.shortcut().toString(), action.trigger))
    return found


def _edit(window: MainWindow, key: str, widget: QWidget) -> None:
    """Bring a panel to the front and put the keyboard into one of its fields."""
    window.show_panel(key)
    window.panels[key].show_setting(widget)
    widget.setFocus()
    if isinstance(widget, QLineEdit):
        widget.selectAll()
