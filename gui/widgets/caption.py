"""A line of text with controls at its end, or over them where the line is short."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QWidget

#: The text stands beside the controls where it has so many times the size of its letters.
_LEAST_EM = 16


class Caption(QWidget):
    """Says in a sentence what a plot shows.

    Parameters
    ----------
    text : QLabel
        The sentence; it wraps.
    *beside : QWidget
        Controls.
    """

    def __init__(self, text: QLabel, *beside: QWidget) -> None:
        super().__init__()
        self._controls = QHBoxLayout()
        self._controls.setSpacing(8)
        for widget in beside:
            self._controls.addWidget(widget)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(6, 2, 6, 0)
        self._row.addWidget(text, 1)
        self._row.addLayout(self._controls)
        self._row.setAlignment(self._controls, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Put the text over the controls where it would have to wrap often."""
        super().resizeEvent(event)
        wide = self._controls.sizeHint().width() + _LEAST_EM * self.fontMetrics().height()
        upright = self.width() < wide and not self._controls.isEmpty()
        direction = QBoxLayout.Direction
        wanted = direction.TopToBottom if upright else direction.LeftToRight
        if self._row.direction() != wanted:
            self._row.setDirection(wanted)
