"""A table of numbers: none is ever cut."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QTableView

from gui.models.room import shares

#: Room beside a text.
_BESIDE_PX = 16
_LEAST_ROW_PX = 22


class NumberTable(QTableView):
    """Columns as wide as what stands in them; they share what room is left, or scroll sideways.

    A number of which the end is missing reads as another number.
    """

    def __init__(self) -> None:
        self._needed: list[int] = []
        self._longest: tuple[str, ...] = ()
        super().__init__()

    def need(self, longest: Sequence[str]) -> None:
        """Make room for these texts, one per column; columns grow with them and do not jump back."""
        if tuple(longest) != self._longest:
            self._longest = tuple(longest)
            self._measure()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Share out the new width."""
        super().resizeEvent(event)
        self._share()

    def changeEvent(self, event: QEvent | None) -> None:
        """Measure anew with another font."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._needed = []
            self._measure()

    def _measure(self) -> None:
        header, rows = self.horizontalHeader(), self.verticalHeader()
        if header is None or rows is None or not self._longest:
            return
        rows.setDefaultSectionSize(max(_LEAST_ROW_PX, self.fontMetrics().height() + 4))
        before = self._needed or [0] * len(self._longest)
        self._needed = [
            max(
                known,
                self.fontMetrics().horizontalAdvance(text) + _BESIDE_PX,
                header.sectionSizeHint(section),
            )
            for section, (known, text) in enumerate(zip(before, self._longest, strict=True))
        ]
        self._share()

    def _share(self) -> None:
        header, viewport = self.horizontalHeader(), self.viewport()
        if header is None or viewport is None or not self._needed:
            return
        room = max(viewport.width(), sum(self._needed))
        for section, width in enumerate(shares(self._needed, room)):
            header.resizeSection(section, width)
