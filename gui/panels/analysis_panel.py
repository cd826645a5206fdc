"""What the panels that analyse the selected bead have in common: three curves on logarithmic axes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from PyQt6.QtWidgets import QWidget

from gui.models.analysed import AXES, FEWEST_FRAMES, Analysed
from gui.models.frame_ring import FloatArray, Trace
from gui.models.quantities import age_text, log_ticks
from gui.models.reference import reference_ids, relative, why_not_relative
from gui.panels.panel import Panel, PanelContext
from gui.plots import band, captioned, colour_plots, curve, faint, pen, single
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.reference_tick import ReferenceTick

_MARGIN = 0.08


class AnalysisPanel(Panel):
    """Plots of the last minute of the selected bead, drawn anew once a second.

    Subclasses say what is drawn (`analyse`) and how it is called.
    """

    period_s: ClassVar[float] = 1.0
    #: Object name, and the labels of the axes.
    name: ClassVar[str] = ""
    bottom: ClassVar[str] = ""
    left: ClassVar[str] = ""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName(self.name)
        self.relative = ReferenceTick(f"{self.name}.relative")
        self.plot, self._item = single(self.left, self.bottom)
        self._item.setLogMode(x=True, y=True)
        self._bands = {axis: band(self._item) for axis in AXES}
        self._curves = {axis: curve(self._item) for axis in AXES}
        self._fits = {axis: curve(self._item) for axis in AXES}
        self._text = captioned(self, f"{self.name}.text", self.plot, self.relative)
        self.set_theme(context.theme)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("subtract references, drift", self.relative)]

    @abstractmethod
    def analyse(self, trace: Trace) -> dict[str, Analysed]:
        """Return what is drawn and said of each axis that can be analysed."""

    def points(self, axis: str) -> tuple[Any, Any]:
        """Return the logarithms (base 10) of what is drawn of "x", "y" or "z"."""
        return _drawn(self._curves[axis])

    def fit_points(self, axis: str) -> tuple[Any, Any]:
        """Return the logarithms of what is drawn of theory."""
        return _drawn(self._fits[axis])

    def limits(self, axis: str) -> tuple[Any, Any]:
        """Return the logarithms of the limits of confidence that are drawn, low and high."""
        low, high = (_drawn(line)[1] for line in self._bands[axis].curves)
        return low, high

    def refresh(self, snapshot: Snapshot) -> None:
        """Analyse the trace of the selected bead and draw it."""
        references = reference_ids(snapshot.state.beads.values(), snapshot.selected)
        self.relative.offer(possible=bool(references))
        # Every frame counts: what is left out of a drawing would be missing in the noise.
        every = snapshot.history.every_frame
        trace = every(-1 if snapshot.selected is None else snapshot.selected)
        if self.relative.isChecked():
            trace = relative(trace, [every(bead_id) for bead_id in references])
        # What it takes to tell a corner, and what a movement is averaged over, is that of the frames of now.
        found = self.analyse(trace.since(self.session.timed_since_s))
        nothing = np.empty(0)
        for axis in AXES:
            part = found.get(axis, Analysed(nothing, nothing, "", 0.0, nothing, nothing, nothing))
            for line, y in (
                (self._curves[axis], part.y),
                (self._fits[axis], part.fit),
                *zip(self._bands[axis].curves, (part.low, part.high), strict=True),
            ):
                _draw(line, part.x, y)
        self._show_range()
        self._show_text(snapshot, found)

    def _show_range(self) -> None:
        bands = [line for both in self._bands.values() for line in both.curves]
        drawn = [_drawn(line) for line in (*self._curves.values(), *bands)]
        x, y = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        if len(x):
            ends = (float(x.min()), float(x.max())), (float(y.min()), float(max(y.max(), y.min() + 0.5)))
            self._item.setXRange(*ends[0], padding=_MARGIN)
            self._item.setYRange(*ends[1], padding=_MARGIN)
            for side, (low, high) in zip(("bottom", "left"), ends, strict=True):
                self._item.getAxis(side).setTicks([log_ticks(low, high)])

    def _show_text(self, snapshot: Snapshot, found: dict[str, Analysed]) -> None:
        if snapshot.selected is None:
            self._text.setText("No bead is selected")
            return
        colours = {"x": self.theme.x, "y": self.theme.y, "z": self.theme.z}
        lengths = {axis: age_text(part.seconds) for axis, part in found.items()}
        one = len(set(lengths.values())) == 1
        names = {axis: axis if one else f"{axis} ({length})" for axis, length in lengths.items()}
        parts = [
            f"<span style='color:{colours[axis]}'>{names[axis]} {part.said}</span>"
            for axis, part in found.items()
        ]
        needed = f"not yet: {FEWEST_FRAMES} frames without a gap, of one exposure and rate, are needed"
        said = ", ".join(parts) if parts else needed
        head = f", {next(iter(lengths.values()))}:" if one else ""
        self._text.setText(f"<b>Bead {snapshot.selected}</b>{head} {said}{self._why_raw(snapshot)}")

    def _why_raw(self, snapshot: Snapshot) -> str:
        """Say that nothing is subtracted although it is wanted."""
        if not self.relative.wanted or snapshot.selected is None:
            return ""
        why = why_not_relative(snapshot.state.beads.values(), [snapshot.selected])
        return f" – {why}" if why else ""

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        colour_plots(self.plot, (self._item,), theme)
        for axis, colour in (("x", theme.x), ("y", theme.y), ("z", theme.z)):
            self._curves[axis].setPen(pen(colour))
            self._fits[axis].setPen(pen(theme.dim))
            self._bands[axis].setBrush(faint(colour))


def _draw(line: Any, x: FloatArray, y: FloatArray) -> None:
    """Draw ordinates, or none, on logarithmic axes."""
    x = x[: len(y)]
    good = (x > 0) & (y > 0)
    line.setData(np.log10(x[good]), np.log10(y[good]))


def _drawn(line: Any) -> tuple[Any, Any]:
    x, y = line.getData()
    return (np.empty(0), np.empty(0)) if x is None else (x, y)
