"""Panel: radial profile of the selected bead, on the plane of its Z-LUT that is most like it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyqtgraph as pg

from gui.models.best_plane import FEWEST_RADII, FIRST_RADIUS_PX, LEAST_CORRELATION, BestPlane, best_plane
from gui.models.envelope import steady_range
from gui.panels.panel import Panel, PanelContext
from gui.plots import OLD, captioned, colour_plots, curve, pen, single
from gui.snapshot import Snapshot
from gui.theme import Theme

_SMALLEST_DN = 5.0


class ProfilePanel(Panel):
    """Mean grey level over the distance from the bead's centre."""

    period_s: ClassVar[float] = 0.1

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("profile")
        self.plot, self._item = single("grey level (DN)", "distance from the centre (px)")
        self._plane = curve(self._item)
        self._curve = curve(self._item)
        self._range: tuple[float, float] | None = None
        self._bead: int | None = None
        self._text = captioned(self, "profile.text", self.plot)
        self.set_theme(context.theme)

    def points(self) -> tuple[Any, Any]:
        """Return the radii (px) and grey levels that are drawn."""
        return _points(self._curve)

    def plane_points(self) -> tuple[Any, Any]:
        """Return the radii (px) and grey levels that are drawn of the Z-LUT's plane."""
        return _points(self._plane)

    def refresh(self, snapshot: Snapshot) -> None:
        """Draw the newest profile, if it is that of the selected bead."""
        if snapshot.selected != self._bead:
            self._bead, self._range = snapshot.selected, None
        profile = snapshot.profile
        if profile is None or profile.bead_id != self._bead or not len(profile.values):
            self._curve.setData([], [])
            self._plane.setData([], [])
            self._text.setText("No profile yet" if self._bead is not None else "No bead is selected")
            return
        self._curve.setData(np.arange(len(profile.values)), profile.values)
        age = self.age_of_rows(snapshot)
        for line in (self._curve, self._plane):
            line.setOpacity(OLD if age else 1.0)
        self._show_plane(profile.values, f" – {age} old" if age else "")
        self._item.setXRange(0, max(1, len(profile.values) - 1), padding=0)
        wanted = steady_range(profile.values, self._range, _SMALLEST_DN)
        if wanted is not None and wanted != self._range:
            self._range = wanted
            self._item.setYRange(*wanted, padding=0)

    def _show_plane(self, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], age: str) -> None:
        zlut = self.session.zluts.of(self._bead)
        best = None if zlut is None else best_plane(zlut, values)
        if zlut is None or best is None or best.correlation < LEAST_CORRELATION:
            self._plane.setData([], [])
            why = self._why_no_plane(values) if best is None else _unlike(best)
            self._text.setText(f"<b>Bead {self._bead}</b>{age}: {why}")
            return
        self._plane.setData(np.arange(len(best.profile)), best.profile)
        x, z = self.theme.x, self.theme.z
        self._text.setText(
            f"<b>Bead {self._bead}</b>{age} <span style='color:{x}'>— measured</span> "
            f"<span style='color:{z}'>— plane {best.index + 1} of {zlut.n_planes}</span> at "
            f"{best.z_nm:.0f} nm, correlation {best.correlation:.3f}"
        )

    def _why_no_plane(self, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
        if self.session.zluts.of(self._bead) is None:
            reading = self.session.zluts.is_reading
            return "its Z-LUT is not read yet" if reading else "no Z-LUT, so there is no z"
        known = int(np.count_nonzero(np.isfinite(values)))
        if known < FEWEST_RADII + FIRST_RADIUS_PX:
            return f"its profile is known at {known} radii, too few to compare it with its Z-LUT"
        return "its profile has no rings to compare with its Z-LUT"

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        colour_plots(self.plot, (self._item,), theme)
        self._curve.setPen(pen(theme.x))
        # Few points: here a wide line costs nothing, and shows beside the other.
        self._plane.setPen(pg.mkPen(theme.z, width=3))


def _unlike(best: BestPlane) -> str:
    return f"its profile fits no plane of its Z-LUT; the best correlation is {best.correlation:.3f}"


def _points(line: Any) -> tuple[Any, Any]:
    radii, values = line.getData()
    return (np.empty(0), np.empty(0)) if radii is None else (radii, values)
