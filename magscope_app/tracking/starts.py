"""Where each bead was lately: the place from which the next frame is searched."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_Key = tuple[int, int, int]

#: x, y (px in the frame), z (nm); the least share of the signal that a result must explain; flags that the
#: last full fit gave; the highest χ² found right so far; and 1 if the next result is to renew that.
PLACE, LEAST, INHERITED, USUAL, FRESH = slice(0, 3), 3, 4, 5, 6
N_STARTS = 7
#: More beads than this, and more than four times those tracked now, are not remembered.
_REMEMBERED = 4000


class Starts:
    """Remembers beads by their id and ROI; a bead whose ROI was moved is a new one."""

    def __init__(self) -> None:
        self._ids: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._corners: npt.NDArray[np.int64] = np.empty((0, 2), np.int64)
        self._rows: FloatArray = np.empty((0, N_STARTS))
        self._known: dict[_Key, FloatArray] = {}

    def of(self, ids: npt.NDArray[np.int64], corners: npt.NDArray[np.int64]) -> FloatArray:
        """Return the starts (n_beads, 7), NaN for a new bead; what is written there is remembered."""
        if np.array_equal(ids, self._ids) and np.array_equal(corners, self._corners):
            return self._rows
        self._known.update(zip(_keys(self._ids, self._corners), self._rows, strict=True))
        if len(self._known) > max(_REMEMBERED, 4 * len(ids)):
            self._known.clear()
        rows = np.full((len(ids), N_STARTS), np.nan)
        for row, key in zip(rows, _keys(ids, corners), strict=True):
            if key in self._known:
                row[:] = self._known[key]
        self._ids, self._corners, self._rows = ids.copy(), corners.copy(), rows
        return rows


def _keys(ids: npt.NDArray[np.int64], corners: npt.NDArray[np.int64]) -> list[_Key]:
    return [(bead_id, x0, y0) for bead_id, (x0, y0) in zip(ids.tolist(), corners.tolist(), strict=True)]
