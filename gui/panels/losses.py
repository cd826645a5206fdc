"""Panel: frame rate, filling of the ring and lost frames over the last minutes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PyQt6.QtWidgets import QWidget

from gui.models.quantities import count_text
from gui.models.rates import LOSSES
from gui.panels.panel import Panel, PanelContext
from gui.plots import captioned, colour_plots, curve, past_shown, pen, stacked
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
        self._window = past_shown("losses.window", [f"{minutes} min" for minutes in _WINDOWS_MIN], 1)
        self.plots, self._plots = stacked(("fps", "buffer (%)", "lost frames"), "time before now (s)")
        self._fps, self._level = curve(self._plots[0]), curve(self._plots[1])
        self._losses = {name: curve(self._plots[2]) for name in LOSSES}
        self._text = captioned(self, "losses.text", self.plots, self._window)
        self.set_theme(context.theme)

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
        # Against the clock, so that a supervisor that says nothing leaves a gap at the end.
        t_s = rows[:, 0] - max(snapshot.now_ns * 1e-9, rows[-1, 0])
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
        colour_plots(self.plots, self._plots, theme)
        self._fps.setPen(pen(theme.x))
        self._level.setPen(pen(theme.y))
        for name, colour in self._colours().items():
            self._losses[name].setPen(pen(colour))
