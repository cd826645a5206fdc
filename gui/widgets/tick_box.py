"""A box to tick, with a tick that is seen in every theme."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QCheckBox, QStyle, QStyleOptionButton

#: The tick in shares of the box.
_TICK = ((0.2, 0.52), (0.42, 0.75), (0.8, 0.27))


class TickBox(QCheckBox):
    """The style sheet colours the box; a tick in it cannot be said there without a picture file."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the tick over the box."""
        super().paintEvent(event)
        style = self.style()
        if not self.isChecked() or style is None:
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = style.subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self.palette().highlightedText().color(), 2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        spots = (QPointF(box.left() + x * box.width(), box.top() + y * box.height()) for x, y in _TICK)
        painter.drawPolyline(QPolygonF(spots))
        painter.end()
