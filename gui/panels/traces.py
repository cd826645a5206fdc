"""Panel: x, y and z of the selected bead over the last seconds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyqtgraph as pg
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from gui.models.envelope import envelope, steady_range
from gui.models.quantities import age_text, count_text
from gui.panels.panel import Panel, PanelContext
from gui.plots import colour_plot, curve, pen, quiet
from gui.snapshot import Snapshot
from gui.theme import Theme

_WINDOWS_S = (5, 10, 30, 60)
_STALE_S = 1.0
#: Least range of an axis in nm.
_SMALLEST_NM = 20.0


class TracesPanel(Panel):
    """Three plots that scroll; the value that each axis calls 0 is written above."""

    period_s: ClassVar[float] = 0.1

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("traces")
        self._title = QLabel()
        self._title.setObjectName("traces.title")
        self._zero = QLabel()
        self._zero.setProperty("role", "dim")
        self._window = QComboBox()
        self._window.setObjectName("traces.window")
        self._window.addItems([f"last {seconds} s" for seconds in _WINDOWS_S])
        self._window.setCurrentIndex(2)
        self._window.setToolTip("How much of the past is shown")
        self.plots = pg.GraphicsLayoutWidget()
        self.plots.setObjectName("traces.plots")
        self._plots: dict[str, Any] = {}
        self._curves: dict[str, Any] = {}
        for row, axis in enumerate("xyz"):
            plot = self.plots.addPlot(row=row, col=0)
            quiet(plot)
            plot.setLabel("left", f"{axis} (nm)")
            self._plots[axis] = plot
            self._curves[axis] = curve(plot)
            plot.getAxis("bottom").setStyle(showValues=axis == "z")
        self._plots["z"].setLabel("bottom", "time before now (s)")
        self._lay_out()
        self._ranges: dict[str, tuple[float, float] | None] = dict.fromkeys("xyz")
        self._origins: dict[str, float] = {}
        self._bead: int | None = None
        self.set_theme(context.theme)

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 2, 6, 0)
        bar.addWidget(self._title)
        bar.addSpacing(12)
        bar.addWidget(self._zero)
        bar.addStretch()
        bar.addWidget(self._window)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.plots, 1)

    def points(self, axis: str) -> tuple[Any, Any]:
        """Return what is drawn of "x", "y" or "z": seconds before now and nm from the axis's origin."""
        t_s, values = self._curves[axis].getData()
        return (np.empty(0), np.empty(0)) if t_s is None else (t_s, values)

    def refresh(self, snapshot: Snapshot) -> None:
        """Draw the traces of the selected bead."""
        if snapshot.selected != self._bead:
            self._bead = snapshot.selected
            self._ranges = dict.fromkeys("xyz")
            self._origins = {}
            self._show_origins()
        self._show_title(snapshot)
        seconds = _WINDOWS_S[self._window.currentIndex()]
        trace = snapshot.history.trace(-1 if self._bead is None else self._bead)
        recent = trace.t_s > snapshot.history.newest_t_s - seconds
        for axis, values in (("x", trace.x_nm), ("y", trace.y_nm), ("z", trace.z_nm)):
            self._draw(axis, trace.t_s[recent], values[recent], seconds, snapshot.history.newest_t_s)

    def _draw(self, axis: str, t_s: Any, values: Any, seconds: float, now_s: float) -> None:
        plot = self._plots[axis]
        finite = values[np.isfinite(values)]
        if axis not in self._origins and len(finite):
            self._origins[axis] = float(np.round(np.median(finite)))
            self._show_origins()
        shown = values - self._origins.get(axis, 0.0)
        bin_s = seconds / max(50.0, plot.getViewBox().width())
        x, y = envelope(t_s, shown, bin_s)
        self._curves[axis].setData(x - now_s, y)
        plot.setXRange(-seconds, 0, padding=0)
        wanted = steady_range(shown, self._ranges[axis], _SMALLEST_NM)
        if wanted is not None and wanted != self._ranges[axis]:
            self._ranges[axis] = wanted
            plot.setYRange(*wanted, padding=0)

    def _show_origins(self) -> None:
        parts = [f"{axis} {count_text(round(origin))}" for axis, origin in self._origins.items()]
        self._zero.setText(f"0 is at {', '.join(parts)} nm" if parts else "")

    def _show_title(self, snapshot: Snapshot) -> None:
        if self._bead is None:
            self._title.setText("No bead selected: click one in the image or the table")
            return
        bead = snapshot.state.beads.get(self._bead)
        role = " (reference)" if bead is not None and bead.role == "reference" else ""
        age_s = snapshot.rows_age_s
        stale = f" – no new positions for {age_text(age_s)}" if age_s > _STALE_S else ""
        self._title.setText(f"<b>Bead {self._bead}</b>{role}{stale}")
        for line in self._curves.values():
            line.setOpacity(0.4 if stale else 1.0)

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        self.plots.setBackground(theme.base)
        for axis, colour in (("x", theme.x), ("y", theme.y), ("z", theme.z)):
            colour_plot(self._plots[axis], theme)
            self._curves[axis].setPen(pen(colour))
