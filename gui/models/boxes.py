"""The ROI boxes on the image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


def _no_ids() -> npt.NDArray[np.int64]:
    return np.empty(0, np.int64)


def _no_rois() -> npt.NDArray[np.float64]:
    return np.empty((0, 4), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """ROIs of all beads as tracking uses them.

    Attributes
    ----------
    ids : ndarray of int64, (n,)
        Bead ids, ascending.
    rois : ndarray of float64, (n, 4)
        x0, x1, y0, y1 in pixels; x1 and y1 are the first column and row beyond the ROI.
    version : int
        Rises with every change.
    """

    ids: npt.NDArray[np.int64] = field(default_factory=_no_ids)
    rois: npt.NDArray[np.float64] = field(default_factory=_no_rois)
    version: int = -1

    def at(self, x_px: float, y_px: float, preferred: int | None = None) -> int | None:
        """Return the id of the box under a point: the preferred one, else that with the nearest centre."""
        x0, x1, y0, y1 = self.rois.T
        inside = (x0 - 0.5 <= x_px) & (x_px < x1 - 0.5) & (y0 - 0.5 <= y_px) & (y_px < y1 - 0.5)
        hits = np.flatnonzero(inside)
        if not len(hits):
            return None
        if preferred is not None and preferred in self.ids[hits]:
            return preferred
        distance = np.hypot((x0 + x1 - 1)[hits] / 2 - x_px, (y0 + y1 - 1)[hits] / 2 - y_px)
        return int(self.ids[hits[np.argmin(distance)]])

    def centre(self, bead_id: int) -> tuple[float, float] | None:
        """Return the centre (x_px, y_px) of a bead's ROI, None where there is no such bead."""
        index = np.flatnonzero(self.ids == bead_id)
        if not len(index):
            return None
        x0, x1, y0, y1 = self.rois[index[0]]
        return float(x0 + x1 - 1) / 2, float(y0 + y1 - 1) / 2

    def inside(self, band: tuple[float, float, float, float]) -> tuple[int, ...]:
        """Return the beads whose centres lie within left, top, right, bottom in image coordinates."""
        x0, x1, y0, y1 = self.rois.T
        x, y = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
        left, top, right, bottom = band
        return tuple(self.ids[(left <= x) & (x <= right) & (top <= y) & (y <= bottom)].tolist())
