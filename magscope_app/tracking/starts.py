"""Where each bead was lately: the place from which the next frame is searched."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_Key = tuple[int, int, int]

#: x, y (px in the frame), z (nm); the least share of the signal that a result must explain; flags that full
#: fits gave; the highest χ² found right since "full" last looked because it was time; 1 if the next result is
#: to renew that; how many results there were since "full" looked; how many full fits were counted of
#: a bead that is new or leaves over more than noise; the share of the latest that called it overlapped; and,
#: of a clean bead, the mean χ² of its latest results, that of its first ones since "full" found it clean, and
#: how many of these there were.
PLACE, LEAST, INHERITED, USUAL, FRESH, SINCE, SPOKEN, OFTEN = slice(0, 3), 3, 4, 5, 6, 7, 8, 9
RECENT, SETTLED, LEARNT = 10, 11, 12
N_STARTS = 13
#: More beads than this, and more than four times those tracked now, are not remembered.
_REMEMBERED = 4000


class Starts:
    """Remembers beads by their id and ROI.

    A ROI that was moved keeps its bead as long as the bead's last place lies in it: places are those of the
    frame. Otherwise the bead is a new one.

    Parameters
    ----------
    roi_px : int
        Edge of the square ROI.
    """

    def __init__(self, roi_px: int) -> None:
        self._roi_px = roi_px
        self._ids: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._corners: npt.NDArray[np.int64] = np.empty((0, 2), np.int64)
        self._rows: FloatArray = np.empty((0, N_STARTS))
        self._known: dict[_Key, FloatArray] = {}
        self._latest: dict[int, _Key] = {}

    def of(self, ids: npt.NDArray[np.int64], corners: npt.NDArray[np.int64]) -> FloatArray:
        """Return the starts (n_beads, 13), NaN for a new bead; what is written there is remembered."""
        if np.array_equal(ids, self._ids) and np.array_equal(corners, self._corners):
            return self._rows
        for key, row in zip(_keys(self._ids, self._corners), self._rows, strict=True):
            self._known[key] = row
            self._latest[key[0]] = key
        if len(self._known) > max(_REMEMBERED, 4 * len(ids)):
            self._known.clear()
            self._latest.clear()
        rows = np.full((len(ids), N_STARTS), np.nan)
        for row, key in zip(rows, _keys(ids, corners), strict=True):
            known = self._known.get(key)
            if known is None:
                known = self._moved(key)
            if known is not None:
                row[:] = known
        self._ids, self._corners, self._rows = ids.copy(), corners.copy(), rows
        return rows

    def _moved(self, key: _Key) -> FloatArray | None:
        """Return the start of the bead whose ROI was moved to here; None if there is none."""
        before = self._latest.get(key[0])
        row = None if before is None else self._known.get(before)
        if before is None or row is None:
            return None
        inside = all(0 <= row[axis] - key[1 + axis] <= self._roi_px - 1 for axis in (0, 1))
        # It is here now: a bead that a lock follows leaves no trail of places behind.
        return self._known.pop(before) if inside else None


def _keys(ids: npt.NDArray[np.int64], corners: npt.NDArray[np.int64]) -> list[_Key]:
    return [(bead_id, x0, y0) for bead_id, (x0, y0) in zip(ids.tolist(), corners.tolist(), strict=True)]
