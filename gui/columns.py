"""Columns of docks that keep their shares of the width when the window becomes wider or narrower."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDockWidget, QMainWindow


class Columns:
    """Qt gives all new width to the docks at the right; here the image grows with the window.

    What counts as columns are the docks beside the image. Call `look` from time to time: who drags the border
    of a dock chooses other shares.

    Parameters
    ----------
    window : QMainWindow
        Has the docks.
    docks : mapping
        Dock by the key of its panel.
    """

    def __init__(self, window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
        self._window = window
        self._docks = docks
        #: Widths as they were chosen, and as they are at least since the window was resized.
        self._chosen: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._resized = False

    def choose_anew(self) -> None:
        """Take the widths of the next look: the docks were arranged."""
        self._chosen, self._seen, self._resized = {}, {}, False

    def look(self) -> bool:
        """Note the widths that the user has given to the docks; True where they are new."""
        widths = self._widths()
        is_new = widths != self._seen and not self._resized
        if is_new:
            self._chosen = widths
        # Least widths may have kept some from their shares; what was chosen is not forgotten for that.
        self._seen, self._resized = widths, False
        return is_new

    def follow(self) -> None:
        """Share out the width of a window that was resized."""
        now, total = self._widths(), sum(self._chosen.values())
        if not total or now.keys() != self._chosen.keys():
            return
        room = sum(now.values())
        widths = [round(room * width / total) for width in self._chosen.values()]
        self._window.resizeDocks(
            [self._docks[key] for key in self._chosen], widths, Qt.Orientation.Horizontal
        )
        self._resized = True

    def _widths(self) -> dict[str, int]:
        """Return the widths of the docks that stand in a row with the middle of the image."""
        image = self._docks["image"]
        if image.isFloating() or image.isHidden():
            return {}
        middle = image.geometry().center().y()
        return {
            key: dock.width()
            for key, dock in self._docks.items()
            # Qt keeps those behind another tab left of the window.
            if not (dock.isFloating() or dock.isHidden())
            and dock.x() >= 0
            and dock.geometry().top() <= middle <= dock.geometry().bottom()
        }
