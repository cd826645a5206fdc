"""Levels of the live image: histogram with two handles, ways to set them, colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui.models.display import Display, LevelMode
from gui.models.picture import COLOUR_MAPS, Levels, histogram
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.choice_box import ChoiceBox

_MODES: dict[str, LevelMode] = {
    "automatic": "auto",
    "darkest to brightest": "exact",
    "whole range": "full",
    "by hand": "manual",
}


class HistogramView(QWidget):
    """Number of pixels by grey level (logarithmic), and where black and white are."""

    levels_dragged = pyqtSignal(float, float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("levels.histogram")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)
        self.setFixedHeight(56)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setToolTip("Pixels by grey level, logarithmic; drag the lines to set black and white")
        self.theme = theme
        self.counts: npt.NDArray[np.int64] = np.zeros(1, np.int64)
        self._levels = Levels(0, 255)
        self._top = 255.0
        self._dragged: str | None = None

    def sizeHint(self) -> QSize:
        """Ask for a strip."""
        return QSize(400, 56)

    def show_counts(self, counts: npt.NDArray[np.int64], levels: Levels, bits: int) -> None:
        """Show a histogram (any number of bins from 0 to the largest grey level) and the levels."""
        self.counts, self._levels, self._top = counts, levels, float(2**bits - 1)
        self.update()

    def _x(self, level: float) -> float:
        return level / self._top * (self.width() - 1)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002 - Qt's signature
        """Draw bars and lines."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.base))
        heights = np.log1p(self.counts) / max(float(np.log1p(self.counts.max())), 1e-9)
        width = self.width() / len(heights)
        for index in np.flatnonzero(heights).tolist():
            height = float(heights[index]) * (self.height() - 3)
            box = QRectF(index * width, self.height() - height, max(width, 1.0), height)
            painter.fillRect(box, QColor(self.theme.dim))
        for level, colour in ((self._levels.low, self.theme.x), (self._levels.high, self.theme.z)):
            painter.setPen(QPen(QColor(colour), 2))
            x = min(max(self._x(level), 1.0), self.width() - 2.0)
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Take hold of the nearer line."""
        if event is None:
            return
        x = event.position().x()
        low, high = abs(x - self._x(self._levels.low)), abs(x - self._x(self._levels.high))
        self._dragged = "low" if low < high else "high"
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow the mouse with the line."""
        if event is None or self._dragged is None:
            return
        level = min(max(event.position().x() / max(1, self.width() - 1), 0.0), 1.0) * self._top
        low, high = self._levels.low, self._levels.high
        low, high = (min(level, high - 1), high) if self._dragged == "low" else (low, max(level, low + 1))
        self._levels = Levels(low, high)
        self.levels_dragged.emit(low, high)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: ARG002 - Qt's signature
        """Let go."""
        self._dragged = None


class LevelsBar(QFrame):
    """A line under the image.

    Parameters
    ----------
    display : Display
        Changed here.
    theme : Theme
        Colours.
    """

    #: Levels or colours have changed.
    changed = pyqtSignal()

    def __init__(self, display: Display, theme: Theme) -> None:
        super().__init__()
        self._display = display
        self.histogram = HistogramView(theme)
        self.mode = ChoiceBox()
        self.mode.setObjectName("levels.mode")
        self.mode.addItems(list(_MODES))
        self.mode.setToolTip("How black and white follow the image")
        self.colours = ChoiceBox()
        self.colours.setObjectName("levels.colours")
        self.colours.addItems(list(COLOUR_MAPS))
        self.colours.setToolTip(
            "Colours of the image; “saturation” shows in red what the camera cannot tell apart"
        )
        self._text = QLabel()
        self._text.setObjectName("levels.text")
        self._text.setMinimumWidth(90)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        for widget in (self.mode, self.colours):
            row.addWidget(widget)
        row.addWidget(self.histogram, 1)
        row.addWidget(self._text)
        self.mode.textActivated.connect(self._set_mode)
        self.colours.textActivated.connect(self._set_colours)
        self.histogram.levels_dragged.connect(self._set_levels)
        self.hide()

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [
            ("levels of black and white, histogram, contrast", self.mode),
            ("colours of the image", self.colours),
        ]

    def _set_mode(self, text: str) -> None:
        self._display.set_mode(_MODES[text])
        self.changed.emit()

    def _set_colours(self, text: str) -> None:
        self._display.colours = text
        self.changed.emit()

    def _set_levels(self, low: float, high: float) -> None:
        self._display.set_levels(low, high)
        self.changed.emit()

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the histogram of the newest frame."""
        levels = self._display.levels
        if snapshot.picture is None or levels is None:
            return
        counts = histogram(snapshot.picture.image, snapshot.state.bits)
        self.histogram.show_counts(counts, levels, snapshot.state.bits)
        self._text.setText(f"{levels.low:.0f} … {levels.high:.0f} DN")
        index = list(_MODES.values()).index(self._display.mode)
        self.mode.setCurrentIndex(index)
        self.colours.setCurrentText(self._display.colours)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.histogram.theme = theme
        self.histogram.update()
