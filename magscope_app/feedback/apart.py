"""Which of several beads that should move alike has moved against the others, however noisy they are."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np

#: Fewest frames, and fewest beads, of which that can be told.
_FEWEST_FRAMES, FEWEST_BEADS = 8, 3
#: A bead must be so many times the uncertainty of its distance away.
_CERTAIN = 5.0
#: Scatter of a median, relative to that of a mean.
_MEDIAN_NOISE = 1.25


class Apart:
    """Follows how far each bead is from the median of all, over some time.

    Noise of single frames is averaged, and a move of all beads does not count: frames in which the focus
    moves say as much as others.

    Parameters
    ----------
    limit_nm : float
        A bead that is farther from the median of all than this has moved.
    window_s, period_s : float
        Time over which the median is taken, and that of a frame; at least 8 frames.
    """

    def __init__(self, limit_nm: float, window_s: float, period_s: float) -> None:
        self._limit_nm = limit_nm
        self._window_s = window_s
        self._off_nm: deque[dict[int, float]] = deque()
        self.expect(period_s)

    def expect(self, period_s: float) -> None:
        """Take the frames to come in this period from now on."""
        self.n_frames = max(_FEWEST_FRAMES, math.ceil(self._window_s / period_s))
        self._off_nm = deque(self._off_nm, maxlen=self.n_frames)

    def clear(self) -> None:
        """Begin anew."""
        self._off_nm.clear()

    def add(self, errors_nm: Mapping[int, float]) -> None:
        """Take in a frame: how far each bead is from where it is held."""
        if len(errors_nm) >= FEWEST_BEADS:
            middle_nm = float(np.median(list(errors_nm.values())))
            self._off_nm.append({bead_id: one - middle_nm for bead_id, one in errors_nm.items()})

    def farthest(self) -> tuple[int, float] | None:
        """Return the bead that has moved farthest and how far (nm); None if none has for certain."""
        if len(self._off_nm) < _FEWEST_FRAMES:
            return None
        found: tuple[int, float] | None = None
        for bead_id in {bead_id for frame in self._off_nm for bead_id in frame}:
            off_nm = [frame[bead_id] for frame in self._off_nm if bead_id in frame]
            if 2 * len(off_nm) <= len(self._off_nm):
                continue
            apart_nm = abs(float(np.median(off_nm)))
            sigma_nm = _MEDIAN_NOISE * float(np.std(off_nm)) / math.sqrt(len(off_nm))
            if apart_nm > max(self._limit_nm, _CERTAIN * sigma_nm, found[1] if found else 0.0):
                found = bead_id, apart_nm
        return found
