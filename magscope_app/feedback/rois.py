"""Which ROIs were moved by somebody else than the XY-lock, and so may hold other beads now."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

from magscope_app.feedback.xy_lock import RoiMove

#: A ROI, or a bead, that is farther away at once than this part of the ROI's side may be another bead.
LARGEST_PART = 1 / 16
#: Moves of the XY-lock that may be on their way.
_ON_THEIR_WAY = 8


class KnownRois:
    """Keeps where the ROIs are, and says whose bead may be another one.

    Parameters
    ----------
    roi_px : int
        Side of every ROI.
    """

    def __init__(self, roi_px: int) -> None:
        self.roi_px = roi_px
        self._centres: dict[int, tuple[float, float]] = {}
        self._expected: dict[int, deque[tuple[float, float]]] = {}

    def expect(self, moves: Iterable[RoiMove]) -> None:
        """Note that the XY-lock wants ROIs elsewhere."""
        for move in moves:
            sent = self._expected.setdefault(move.bead_id, deque(maxlen=_ON_THEIR_WAY))
            sent.append((move.x_px, move.y_px))

    def know(self, centres: Mapping[int, tuple[float, float]], roi_px: int) -> dict[int, str]:
        """Take in the list; return beads that may not be the same any more, each with the reason.

        Parameters
        ----------
        centres : mapping of int to (float, float)
            Centre (x, y) in px of every ROI.
        roi_px : int
            Side of every ROI; 0 if it is as it was.
        """
        former, former_px = self._centres, self.roi_px
        self._centres, self.roi_px = dict(centres), roi_px or former_px
        known = {bead_id: at for bead_id, at in centres.items() if bead_id in former}
        if self.roi_px != former_px:
            text = f"the ROIs have {self.roi_px} px now and had {former_px}, which changes z"
            return dict.fromkeys(known, text)
        found = {}
        for bead_id, at in known.items():
            moved_px = math.dist(at, former[bead_id])
            if moved_px > LARGEST_PART * self.roi_px and at not in self._expected.get(bead_id, ()):
                found[bead_id] = (
                    f"the ROI of bead {bead_id} was moved by {moved_px:.0f} px, it may hold another bead now"
                )
        return found
