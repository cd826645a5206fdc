"""Panel: the Z-LUT of the selected bead as an image, and where the bead is in it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyqtgraph as pg

from gui.panels.panel import Panel, PanelContext
from gui.plots import OLD, captioned, colour_plots, pen, single
from gui.snapshot import Snapshot
from gui.theme import Theme
from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.tracking import ZLUT

_BEAD, _Z = TRACKS_COLUMNS.index("bead_id"), TRACKS_COLUMNS.index("z_nm")


class LutPanel(Panel):
    """Radius to the right, z upwards; a line says at which z the bead is now."""

    period_s: ClassVar[float] = 0.2

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("lut")
        self.plot, self._item = single("z (nm)", "radius (px)")
        self._image = pg.ImageItem(axisOrder="row-major")
        self._item.addItem(self._image)
        self._line = pg.InfiniteLine(angle=0)
        self._item.addItem(self._line)
        self._shown: ZLUT | None = None
        self._text = captioned(self, "lut.text", self.plot)
        self.set_theme(context.theme)

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the table and the bead's z."""
        zlut = self.session.zluts.of(snapshot.selected)
        self._image.setVisible(zlut is not None)
        if zlut is None:
            self._line.hide()
            self._text.setText(self._why_none(snapshot))
            return
        if zlut is not self._shown:
            self._shown = zlut
            self._draw(zlut)
        z_nm = _z_of(snapshot)
        self._line.setVisible(bool(np.isfinite(z_nm)))
        self._line.setValue(z_nm if np.isfinite(z_nm) else 0.0)
        path = self.session.zluts.path
        name = "" if path is None else f" of {path.name}"
        age = self.age_of_rows(snapshot)
        self._line.setOpacity(OLD if age else 1.0)
        where = f", z = {z_nm:.0f} nm" if np.isfinite(z_nm) else ", no z now"
        where += f" – {age} old" if age else ""
        bead = "No bead selected" if snapshot.selected is None else f"<b>Bead {snapshot.selected}</b>"
        self._text.setText(f"{bead}: {zlut.n_planes} planes{name}{where}")

    def _why_none(self, snapshot: Snapshot) -> str:
        if self.session.zluts.path is None:
            return "The config names no Z-LUT (tracking.zlut), so there is no z"
        return (
            "No bead is selected" if snapshot.selected is None else f"Bead {snapshot.selected} has no Z-LUT"
        )

    def _draw(self, zlut: ZLUT) -> None:
        """Put the table on an even grid of z: planes may be unevenly spaced."""
        z_nm = np.linspace(zlut.z_nm[0], zlut.z_nm[-1], max(2, 2 * zlut.n_planes))
        nearest = np.abs(zlut.z_nm[None, :] - z_nm[:, None]).argmin(axis=1)
        table = zlut.profiles[nearest]
        low, high = np.percentile(table, (0.5, 99.5))
        self._image.setImage(table, levels=(float(low), float(max(high, low + 1e-9))), autoLevels=False)
        width_px = (zlut.n_radii - 1) * zlut.r_step_px
        half_nm = float(z_nm[1] - z_nm[0]) / 2
        bottom, height = float(z_nm[0]) - half_nm, float(z_nm[-1] - z_nm[0]) + 2 * half_nm
        self._image.setRect(-0.5, bottom, width_px + 1.0, height)
        self._item.setXRange(-0.5, width_px + 0.5, padding=0)
        self._item.setYRange(bottom, bottom + height, padding=0)

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and line."""
        super().set_theme(theme)
        colour_plots(self.plot, (self._item,), theme)
        self._line.setPen(pen("#7dff6a"))


def _z_of(snapshot: Snapshot) -> float:
    latest: Any = snapshot.history.latest()
    rows = latest[latest[:, _BEAD] == (-1 if snapshot.selected is None else snapshot.selected)]
    return float(rows[0, _Z]) if len(rows) else float("nan")
