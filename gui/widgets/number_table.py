"""A table of numbers: none is ever cut."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QModelIndex, Qt
from PyQt6.QtGui import QFont, QFontMetrics, QResizeEvent
from PyQt6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from gui.models.room import shares

#: Room beside a text, in heights of its line.
_BESIDE = 0.45
_LEAST_ROW_PX = 22


class _Whole(QStyledItemDelegate):
    """Draws "…" in place of a text that the edge of the table would cut."""

    def initStyleOption(self, option: QStyleOptionViewItem | None, index: QModelIndex) -> None:
        """Take the text, if there is room for it."""
        super().initStyleOption(option, index)
        table = self.parent()
        viewport = table.viewport() if isinstance(table, QTableView) else None
        if option is None or viewport is None:
            return
        if option.rect.left() < 0 or option.rect.right() >= viewport.width():
            option.text = "…"


class NumberTable(QTableView):
    """Columns as wide as what stands in them; they share what room is left, or scroll sideways.

    A number of which the end is missing reads as another number.
    """

    def __init__(self) -> None:
        self._needed: list[int] = []
        self._longest: tuple[str, ...] = ()
        super().__init__()
        self.setItemDelegate(_Whole(self))
        if (bar := self.horizontalScrollBar()) is not None:
            # What was cut before may be whole now.
            bar.valueChanged.connect(lambda _: self._draw_anew())
        if (header := self.horizontalHeader()) is not None:
            # The arrow of the sorted column needs room.
            header.sortIndicatorChanged.connect(self._measure)

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

    def _draw_anew(self) -> None:
        if (viewport := self.viewport()) is not None:
            viewport.update()

    def _measure(self) -> None:
        rows = self.verticalHeader()
        if rows is None or not self._longest:
            return
        rows.setDefaultSectionSize(max(_LEAST_ROW_PX, self.fontMetrics().height() + 4))
        known = self._needed or [0] * len(self._longest)
        self._needed = [
            max(
                before,
                self.fontMetrics().horizontalAdvance(text) + self._beside(),
                self._header_width(section),
            )
            for section, (before, text) in enumerate(zip(known, self._longest, strict=True))
        ]
        self._share()

    def _beside(self) -> int:
        return max(7, round(_BESIDE * self.fontMetrics().height()))

    def _header_width(self, section: int) -> int:
        header, model, style = self.horizontalHeader(), self.model(), self.style()
        if header is None or model is None or style is None:
            return 0
        # The header of a column in which something is selected is bold.
        font = QFont(header.font())
        font.setBold(True)
        lines = str(model.headerData(section, Qt.Orientation.Horizontal) or "").split("\n")
        width = max(QFontMetrics(font).horizontalAdvance(line) for line in lines) + self._beside()
        arrow = style.pixelMetric(QStyle.PixelMetric.PM_HeaderMarkSize, None, header)
        return width + (arrow if section == header.sortIndicatorSection() else 0)

    def _share(self) -> None:
        header, viewport = self.horizontalHeader(), self.viewport()
        if header is None or viewport is None or not self._needed:
            return
        room = max(viewport.width(), sum(self._needed))
        for section, width in enumerate(shares(self._needed, room)):
            header.resizeSection(section, width)
