"""The frames from which the places are taken at which beads are held."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping

import numpy as np

from magscope_app.feedback.held import MEDIAN_NOISE, medians

#: Frames of a single bead.
_FEWEST = 10
#: So long (s) all beads are waited for.
PATIENCE_S = 3.0


class FirstFrames:
    """Collects z of beads until all have been good for a moment, or some of them for long.

    Parameters
    ----------
    bead_ids : collection of int
        The beads.
    n_frames : int
        Frames in which several beads are compared with each other later: they are held as exactly.
    """

    def __init__(self, bead_ids: Collection[int], n_frames: int) -> None:
        self._bead_ids = frozenset(bead_ids)
        n_frames = max(_FEWEST, n_frames) if len(self._bead_ids) > 1 else _FEWEST
        self._frames: deque[Mapping[int, float]] = deque(maxlen=n_frames)
        self._since_ns = math.nan

    def clear(self) -> None:
        """Begin anew."""
        self._frames.clear()
        self._since_ns = math.nan

    def take(self, z_nm: Mapping[int, float], t_ns: float) -> dict[int, float] | None:
        """Take in a frame with good beads; return where to hold them (nm), or None while it is too early."""
        if math.isnan(self._since_ns):
            self._since_ns = t_ns
        self._frames.append(z_nm)
        if len(self._frames) < (self._frames.maxlen or 0):
            return None
        found = medians(self._frames)
        late = t_ns - self._since_ns > 1e9 * PATIENCE_S
        return found if found and (late or found.keys() == self._bead_ids) else None

    def noise_nm(self, held_nm: Mapping[int, float], window: int) -> float:
        """Return the scatter of a measurement over `window` frames."""
        frames = [
            [z_nm - held_nm[one] for one, z_nm in frame.items() if one in held_nm] for frame in self._frames
        ]
        scatter_nm = float(np.std([np.median(errors) for errors in frames if errors]))
        return MEDIAN_NOISE * scatter_nm / math.sqrt(window)
