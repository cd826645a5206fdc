"""Panel: x, y and z of the selected bead over the last seconds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QLabel, QWidget

from gui.models.envelope import envelope, steady_range
from gui.models.quantities import count_text
from gui.models.reference import reference_ids, relative
from gui.panels.panel import Panel, PanelContext
from gui.plots import OLD, captioned, colour_plots, curve, past_shown, pen, stacked
from gui.snapshot import Snapshot
from gui.theme import Theme

_WINDOWS_S = (5, 10, 30, 60)
#: Least range of an axis in nm.
_SMALLEST_NM = 20.0


class TracesPanel(Panel):
    """Three plots that scroll; the value that each axis calls 0 is written above."""

    period_s: ClassVar[float] = 0.1

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("traces")
        self.relative = QCheckBox("− references")
        self.relative.setObjectName("traces.relative")
        self.relative.setToolTip(
            "Subtract the mean movement of the reference beads: what is left is no drift"
        )
        self._window = past_shown("traces.window", [f"{seconds} s" for seconds in _WINDOWS_S], 2)
        self.plots, plots = stacked([f"{axis} (nm)" for axis in "xyz"], "time before now (s)")
        self.plots.setObjectName("traces.plots")
        self._plots: dict[str, Any] = dict(zip("xyz", plots, strict=True))
        self._curves: dict[str, Any] = {axis: curve(plot) for axis, plot in self._plots.items()}
        self._empty = QLabel(self.plots)
        self._empty.setObjectName("traces.empty")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = captioned(self, "traces.title", self.plots, self.relative, self._window)
        self._title.setWordWrap(False)
        self._title.setMinimumWidth(10)
        self._ranges: dict[str, tuple[float, float] | None] = dict.fromkeys("xyz")
        self._origins: dict[str, float] = {}
        self._shown: tuple[object, ...] = ()
        self.set_theme(context.theme)

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
        seconds = _WINDOWS_S[self._window.currentIndex()]
        trace = snapshot.history.trace(-1 if snapshot.selected is None else snapshot.selected)
        trace = relative(trace, [snapshot.history.trace(bead_id) for bead_id in used])
        recent = trace.t_s > snapshot.history.newest_t_s - seconds
        for axis, values in (("x", trace.x_nm), ("y", trace.y_nm), ("z", trace.z_nm)):
            self._draw(axis, trace.t_s[recent], values[recent], seconds, snapshot.history.newest_t_s)
        self._show_title(snapshot)
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

    def _origins_text(self) -> str:
        parts = [f"{axis} {count_text(round(origin))}" for axis, origin in self._origins.items()]
        said = f"&nbsp; 0 is at {', '.join(parts)} nm" if parts else ""
        return f"<span style='color:{self.theme.dim}'>{said}</span>"

    def _show_title(self, snapshot: Snapshot) -> None:
        if snapshot.selected is None:
            self._title.setText("No bead selected")
            return
        bead = snapshot.state.beads.get(snapshot.selected)
        role = " (reference)" if bead is not None and bead.role == "reference" else ""
        age = self.age_of_rows(snapshot)
        stale = f" – no new positions for {age}" if age else ""
        self._title.setText(f"<b>Bead {snapshot.selected}</b>{role}{stale}{self._origins_text()}")
        for line in self._curves.values():
            line.setOpacity(OLD if stale else 1.0)

    def _show_why_empty(self, why: str) -> None:
        self._empty.setVisible(bool(why))
        if why:
            self._empty.setText(why)
            self._empty.setGeometry(self.plots.rect())

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        colour_plots(self.plots, self._plots.values(), theme)
        self._empty.setStyleSheet(f"color: {theme.text}; background: {theme.base}; font-size: 15px;")
        for axis, colour in (("x", theme.x), ("y", theme.y), ("z", theme.z)):
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
