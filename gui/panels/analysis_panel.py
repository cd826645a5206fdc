"""What the panels that analyse the selected bead have in common: three curves on logarithmic axes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PyQt6.QtWidgets import QWidget

from gui.models.analysed import AXES, FEWEST_FRAMES
from gui.models.frame_ring import Trace
from gui.models.quantities import log_ticks
from gui.models.reference import reference_ids, relative
from gui.panels.panel import Panel, PanelContext
from gui.plots import captioned, colour_plots, curve, pen, single
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.tick_box import TickBox

FloatArray = npt.NDArray[np.float64]
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
        self.relative = TickBox("− references")
        self.relative.setObjectName(f"{self.name}.relative")
        self.relative.setToolTip("Subtract the mean movement of the reference beads first")
        self.plot, self._item = single(self.left, self.bottom)
        self._item.setLogMode(x=True, y=True)
        self._curves = {axis: curve(self._item) for axis in AXES}
        self._fits = {axis: curve(self._item) for axis in AXES}
        self._text = captioned(self, f"{self.name}.text", self.plot, self.relative)
        self.set_theme(context.theme)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("subtract references, drift", self.relative)]

    @abstractmethod
    def analyse(self, trace: Trace) -> dict[str, tuple[FloatArray, FloatArray, str]]:
        """Return abscissae, ordinates and a few words for each axis that can be analysed."""

    def fitted(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Return what is drawn besides, after `analyse`."""
        return {}

    def points(self, axis: str) -> tuple[Any, Any]:
        """Return the logarithms (base 10) of what is drawn of "x", "y" or "z"."""
        x, y = self._curves[axis].getData()
        return (np.empty(0), np.empty(0)) if x is None else (x, y)

    def refresh(self, snapshot: Snapshot) -> None:
        """Analyse the trace of the selected bead and draw it."""
        references = reference_ids(snapshot.state.beads.values(), snapshot.selected)
        self.relative.setEnabled(bool(references))
        # Every frame counts: what is left out of a drawing would be missing in the noise.
        every = snapshot.history.every_frame
        trace = every(-1 if snapshot.selected is None else snapshot.selected)
        if self.relative.isChecked():
            trace = relative(trace, [every(bead_id) for bead_id in references])
        found = self.analyse(trace)
        drawn = [self._draw(self._curves[axis], *found[axis][:2]) for axis in AXES if axis in found]
        for axis in set(AXES) - set(found):
            self._curves[axis].setData([], [])
        fits = self.fitted()
        for axis in AXES:
            self._draw(self._fits[axis], *fits.get(axis, (np.empty(0), np.empty(0))))
        self._show_range([part for part in drawn if part is not None])
        self._show_text(snapshot, {axis: words for axis, (_, _, words) in found.items()})

    def _draw(self, line: Any, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        good = (x > 0) & (y > 0)
        log_x, log_y = np.log10(x[good]), np.log10(y[good])
        line.setData(log_x, log_y)
        return (log_x, log_y) if len(log_x) else None

    def _show_range(self, drawn: list[tuple[FloatArray, FloatArray]]) -> None:
        if drawn:
            x, y = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
            ends = (float(x.min()), float(x.max())), (float(y.min()), float(max(y.max(), y.min() + 0.5)))
            self._item.setXRange(*ends[0], padding=_MARGIN)
            self._item.setYRange(*ends[1], padding=_MARGIN)
            for side, (low, high) in zip(("bottom", "left"), ends, strict=True):
                self._item.getAxis(side).setTicks([log_ticks(low, high)])

    def _show_text(self, snapshot: Snapshot, words: dict[str, str]) -> None:
        if snapshot.selected is None:
            self._text.setText("No bead is selected")
            return
        colours = {"x": self.theme.x, "y": self.theme.y, "z": self.theme.z}
        parts = [f"<span style='color:{colours[axis]}'>{axis} {said}</span>" for axis, said in words.items()]
        said = ", ".join(parts) if parts else f"not yet: {FEWEST_FRAMES} frames without a gap are needed"
        self._text.setText(f"<b>Bead {snapshot.selected}</b> {said}")

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        colour_plots(self.plot, (self._item,), theme)
        for axis, colour in (("x", theme.x), ("y", theme.y), ("z", theme.z)):
            self._curves[axis].setPen(pen(colour))
            self._fits[axis].setPen(pen(theme.dim))
