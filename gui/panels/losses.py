"""Panel: frame rate, filling of the ring and lost frames over the last minutes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyqtgraph as pg
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.models.quantities import count_text
from gui.models.rates import LOSSES
from gui.panels.panel import Panel, PanelContext
from gui.plots import colour_plot, curve, pen, quiet
from gui.snapshot import Snapshot
from gui.theme import Theme

_WINDOWS_MIN = (1, 3, 10)
_NAMES = {
    "lost_upstream": "camera",
    "lost_ring": "ring",
    "lost_tracking": "tracking",
    "lost_recording": "recording",
}


class LossesPanel(Panel):
    """Three plots over time: frames per second, the ring in per cent, all lost frames by place."""

    period_s: ClassVar[float] = 0.5

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("losses")
        self._text = QLabel()
        self._text.setObjectName("losses.text")
        self._window = QComboBox()
        self._window.setObjectName("losses.window")
        self._window.addItems([f"last {minutes} min" for minutes in _WINDOWS_MIN])
        self._window.setCurrentIndex(1)
        self._window.setToolTip("How much of the past is shown")
        self.plots = pg.GraphicsLayoutWidget()
        self._plots: list[Any] = []
        for row, label in enumerate(("fps", "buffer (%)", "lost frames")):
            plot = self.plots.addPlot(row=row, col=0)
            quiet(plot)
            plot.setLabel("left", label)
            plot.getAxis("bottom").setStyle(showValues=row == 2)
            self._plots.append(plot)
        self._plots[2].setLabel("bottom", "time before now (s)")
        self._fps, self._level = curve(self._plots[0]), curve(self._plots[1])
        self._losses = {name: curve(self._plots[2]) for name in LOSSES}
        self._lay_out()
        self.set_theme(context.theme)

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 2, 6, 0)
        bar.addWidget(self._text, 1)
        bar.addWidget(self._window)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.plots, 1)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("time shown", self._window)]

    def refresh(self, snapshot: Snapshot) -> None:
        """Draw what the status messages have said."""
        seconds = 60.0 * _WINDOWS_MIN[self._window.currentIndex()]
        rows = snapshot.state.rates.last(seconds)
        if not len(rows):
            self._text.setText("No status yet")
            return
        t_s = rows[:, 0] - rows[-1, 0]
        self._fps.setData(t_s, rows[:, 1])
        self._level.setData(t_s, 100 * rows[:, 2])
        for index, name in enumerate(LOSSES):
            self._losses[name].setData(t_s, rows[:, 3 + index])
        tops = (rows[:, 1].max() * 1.1, max(10.0, 100 * rows[:, 2].max() * 1.1), rows[:, 3:].max() * 1.1)
        for plot, top in zip(self._plots, tops, strict=True):
            plot.setXRange(-seconds, 0, padding=0)
            plot.setYRange(0, float(max(top, 1.0)), padding=0)
        self._show_text(rows)

    def _show_text(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
        colours = self._colours()
        parts = []
        for index, name in enumerate(LOSSES):
            count = count_text(int(rows[-1, 3 + index]))
            parts.append(f"<span style='color:{colours[name]}'>{_NAMES[name]} {count}</span>")
        self._text.setText(f"<b>Lost</b>: {', '.join(parts)}")

    def _colours(self) -> dict[str, str]:
        return dict(zip(LOSSES, (self.theme.x, self.theme.y, self.theme.z, self.theme.text), strict=True))

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        self.plots.setBackground(theme.base)
        for plot in self._plots:
            colour_plot(plot, theme)
        self._fps.setPen(pen(theme.x))
        self._level.setPen(pen(theme.y))
        for name, colour in self._colours().items():
            self._losses[name].setPen(pen(colour))
