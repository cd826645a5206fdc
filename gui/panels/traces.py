"""Panel: x, y and z of the selected bead over the last seconds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.models.envelope import envelope, steady_range
from gui.models.quantities import age_text, count_text
from gui.models.reference import reference_ids, relative
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
        self._zero.setMinimumWidth(10)
        self.relative = QCheckBox("− references")
        self.relative.setObjectName("traces.relative")
        self.relative.setToolTip(
            "Subtract the mean movement of the reference beads: what is left is no drift"
        )
        self._window = QComboBox()
        self._window.setObjectName("traces.window")
        self._window.addItems([f"last {seconds} s" for seconds in _WINDOWS_S])
        self._window.setCurrentIndex(2)
        self._window.setToolTip("How much of the past is shown")
        self.plots = pg.GraphicsLayoutWidget()
        self.plots.setObjectName("traces.plots")
        self._plots: dict[str, Any] = {}
        self._curves: dict[str, Any] = {}
        self._add_plots()
        self._empty = QLabel(self.plots)
        self._empty.setObjectName("traces.empty")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self._ranges: dict[str, tuple[float, float] | None] = dict.fromkeys("xyz")
        self._origins: dict[str, float] = {}
        self._shown: tuple[object, ...] = ()
        self.set_theme(context.theme)

    def _add_plots(self) -> None:
        for row, axis in enumerate("xyz"):
            plot = self.plots.addPlot(row=row, col=0)
            quiet(plot)
            plot.setLabel("left", f"{axis} (nm)")
            self._plots[axis] = plot
            self._curves[axis] = curve(plot)
            plot.getAxis("bottom").setStyle(showValues=axis == "z")
        self._plots["z"].setLabel("bottom", "time before now (s)")

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 2, 6, 0)
        bar.addWidget(self._title)
        bar.addSpacing(8)
        bar.addWidget(self._zero, 1)
        bar.addWidget(self.relative)
        bar.addSpacing(6)
        bar.addWidget(self._window)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.plots, 1)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("time shown", self._window), ("subtract references, drift", self.relative)]

    def points(self, axis: str) -> tuple[Any, Any]:
        """Return what is drawn of "x", "y" or "z": seconds before now and nm from the axis's origin."""
        t_s, values = self._curves[axis].getData()
        return (np.empty(0), np.empty(0)) if t_s is None else (t_s, values)

    def refresh(self, snapshot: Snapshot) -> None:
        """Draw the traces of the selected bead."""
        references = reference_ids(snapshot.state.beads.values(), snapshot.selected)
        self.relative.setEnabled(bool(references))
        used = references if self.relative.isChecked() else ()
        if (snapshot.selected, used) != self._shown:
            self._shown = snapshot.selected, used
            self._ranges = dict.fromkeys("xyz")
            self._origins = {}
        self._show_title(snapshot)
        seconds = _WINDOWS_S[self._window.currentIndex()]
        trace = snapshot.history.trace(-1 if snapshot.selected is None else snapshot.selected)
        trace = relative(trace, snapshot.history, used)
        recent = trace.t_s > snapshot.history.newest_t_s - seconds
        for axis, values in (("x", trace.x_nm), ("y", trace.y_nm), ("z", trace.z_nm)):
            self._draw(axis, trace.t_s[recent], values[recent], seconds, snapshot.history.newest_t_s)
        self._show_origins()
        self._show_why_empty(_why_empty(snapshot, len(trace.t_s[recent]) > 0))

    def _draw(self, axis: str, t_s: Any, values: Any, seconds: float, now_s: float) -> None:
        plot = self._plots[axis]
        finite = values[np.isfinite(values)]
        if axis not in self._origins and len(finite):
            self._origins[axis] = float(np.round(np.median(finite)))
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
        if snapshot.selected is None:
            self._title.setText("No bead selected")
            return
        bead = snapshot.state.beads.get(snapshot.selected)
        role = " (reference)" if bead is not None and bead.role == "reference" else ""
        age_s = snapshot.rows_age_s
        stale = f" – no new positions for {age_text(age_s)}" if age_s > _STALE_S else ""
        self._title.setText(f"<b>Bead {snapshot.selected}</b>{role}{stale}")
        for line in self._curves.values():
            line.setOpacity(0.4 if stale else 1.0)

    def _show_why_empty(self, why: str) -> None:
        self._empty.setVisible(bool(why))
        if why:
            self._empty.setText(why)
            self._empty.setGeometry(self.plots.rect())

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        self.plots.setBackground(theme.base)
        self._empty.setStyleSheet(f"color: {theme.text}; background: {theme.base}; font-size: 15px;")
        for axis, colour in (("x", theme.x), ("y", theme.y), ("z", theme.z)):
            colour_plot(self._plots[axis], theme)
            self._curves[axis].setPen(pen(colour))


def _why_empty(snapshot: Snapshot, has_points: bool) -> str:
    """Say in one sentence why there is no trace, or return nothing."""
    if has_points:
        return ""
    if snapshot.picture_age_s is None and not snapshot.state.video_ready:
        return "The camera is not open yet."
    if not snapshot.state.beads:
        return "There are no beads: Shift+click one in the image, or press B to find them."
    if snapshot.selected is None:
        return "No bead is selected: click one in the image or the table."
    return f"Bead {snapshot.selected} was not tracked yet; the log says whether tracking runs."
