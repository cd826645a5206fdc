"""Texts drawn once into one picture: drawing two hundred texts costs more than drawing the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QRect, Qt
from PyQt6.QtGui import QColor, QPainter, QPixmap

#: A text and its colour.
Label = tuple[str, str]

_SHADOW = QColor(0, 0, 0, 160)
#: Side of the picture in pixels at first, and at most: room for some seven thousand labels.
_FIRST_SIDE, _MOST_SIDE = 512, 2048
_NOWHERE = QRect()


class Labels:
    """A picture of all texts that were asked for, in one font and for one screen."""

    def __init__(self) -> None:
        self._made_for: tuple[str, float] = ("", 1.0)
        self._side = _FIRST_SIDE
        #: Rises when all places are others.
        self.made = 0
        self._forget()

    def _forget(self) -> None:
        self._places: dict[Label, QRect] = {}
        self._x = self._y = 0
        self.made += 1
        self.picture = QPixmap()

    def begin(self, painter: QPainter, ratio: float) -> None:
        """Prepare to draw with the font of `painter` on a screen of this many pixels per point."""
        wanted = painter.font().key(), ratio
        if wanted != self._made_for:
            self._made_for = wanted
            self._forget()
        self._font, self._metrics = painter.font(), painter.fontMetrics()

    def places(self, labels: Sequence[Label]) -> npt.NDArray[np.float64]:
        """Return left, top, width and height of texts in `picture` (n, 4), in its pixels.

        `begin` comes first. A text for which there is no room has no width.
        """
        missing = [label for label in dict.fromkeys(labels) if label not in self._places]
        while missing and not self._draw(missing) and self._side < _MOST_SIDE:
            self._side *= 2
            self._forget()
            missing = list(dict.fromkeys(labels))
        found = [self._places.get(label, _NOWHERE).getRect() for label in labels]
        return np.array(found, np.float64).reshape(-1, 4)

    def _draw(self, labels: Sequence[Label]) -> bool:
        """Draw texts beside those that are there; False when the picture is full."""
        if self.picture.isNull():
            self.picture = QPixmap(self._side, self._side)
        ratio = self._made_for[1]
        height = round(self._metrics.height() * ratio)
        painter = QPainter(self.picture)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.setFont(self._font)
        try:
            for label in labels:
                width = round((self._metrics.horizontalAdvance(label[0]) + 5) * ratio)
                place = self._next_place(width, height)
                if place is None:
                    return False
                self._places[label] = place
                self._draw_one(painter, label, place)
        finally:
            painter.end()
        return True

    def _next_place(self, width: int, height: int) -> QRect | None:
        if self._x + width > self._side:
            self._x, self._y = 0, self._y + height
        if self._y + height > self._side:
            return None
        place = QRect(self._x, self._y, width, height)
        self._x += width
        return place

    def _draw_one(self, painter: QPainter, label: Label, place: QRect) -> None:
        text, colour = label
        ratio = self._made_for[1]
        painter.fillRect(place, _SHADOW)
        painter.save()
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        painter.setPen(QColor(colour))
        painter.translate(place.x(), place.y())
        painter.scale(ratio, ratio)
        area = QRect(0, 0, round(place.width() / ratio), round(place.height() / ratio))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
