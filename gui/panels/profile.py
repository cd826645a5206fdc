"""Panel: radial profile of the selected bead."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyqtgraph as pg
from PyQt6.QtWidgets import QVBoxLayout

from gui.models.envelope import steady_range
from gui.panels.panel import Panel, PanelContext
from gui.plots import colour_plot, curve, pen, quiet
from gui.snapshot import Snapshot
from gui.theme import Theme

_SMALLEST_DN = 5.0


class ProfilePanel(Panel):
    """Mean grey level over the distance from the bead's centre."""

    period_s: ClassVar[float] = 0.1

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("profile")
        self.plot = pg.PlotWidget()
        self._item = self.plot.getPlotItem()
        quiet(self._item)
        self._item.setLabel("bottom", "distance from the centre (px)")
        self._item.setLabel("left", "grey level (DN)")
        self._curve = curve(self._item)
        self._range: tuple[float, float] | None = None
        self._bead: int | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.plot)
        self.set_theme(context.theme)

    def points(self) -> tuple[Any, Any]:
        """Return the radii (px) and grey levels that are drawn."""
        radii, values = self._curve.getData()
        return (np.empty(0), np.empty(0)) if radii is None else (radii, values)

    def refresh(self, snapshot: Snapshot) -> None:
        """Draw the newest profile, if it is that of the selected bead."""
        if snapshot.selected != self._bead:
            self._bead, self._range = snapshot.selected, None
        profile = snapshot.profile
        if profile is None or profile.bead_id != self._bead or not len(profile.values):
            self._curve.setData([], [])
            return
        self._curve.setData(np.arange(len(profile.values)), profile.values)
        self._item.setXRange(0, max(1, len(profile.values) - 1), padding=0)
        wanted = steady_range(profile.values, self._range, _SMALLEST_DN)
        if wanted is not None and wanted != self._range:
            self._range = wanted
            self._item.setYRange(*wanted, padding=0)

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and line."""
        super().set_theme(theme)
        self.plot.setBackground(theme.base)
        colour_plot(self._item, theme)
        self._curve.setPen(pen(theme.x))
