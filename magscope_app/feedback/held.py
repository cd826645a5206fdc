"""Where reference beads are held, and how far all of them are from there, whoever comes and goes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence

import numpy as np

#: Scatter of a median of several, relative to that of their mean.
MEDIAN_NOISE = 1.25
#: A bead has moved by itself if it is so many times the uncertainty of that away.
_MOVED = 3.0
#: Fewest frames from which that can be told.
_FEWEST_FRAMES = 8


class HeldBeads:
    """Knows the places of the beads.

    The error is the median over the beads of how far they are from where they are held. Beads may have crept
    against each other. When one comes or goes, those that have are counted from where they are then, so that
    the error goes on from where it was. A bead that comes late, or comes back after more than the patience,
    is compared with the others for some frames before it counts.

    Parameters
    ----------
    n_frames : int
        Frames in which a bead is compared with the others.
    patience_s : float
        A bead that was not good for so long is away.
    """

    def __init__(self, n_frames: int, patience_s: float) -> None:
        self._n_frames = n_frames
        self._patience_ns = 1e9 * patience_s
        self._held_nm: dict[int, float] = {}
        #: Of the beads that count: how far each has crept from the others.
        self._crept_nm: dict[int, float] = {}
        #: How far each bead is from what all have in common, in the last frames; of late ones z itself.
        self._own_nm: dict[int, deque[float]] = {}
        self._seen_ns: dict[int, float] = {}
        self._last: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self._held_nm)

    @property
    def bead_ids(self) -> tuple[int, ...]:
        """The beads that are held."""
        return tuple(sorted(self._held_nm))

    def begin(self, held_nm: Mapping[int, float], t_ns: float) -> None:
        """Hold beads here from now on."""
        self._held_nm, self._crept_nm = dict(held_nm), dict.fromkeys(held_nm, 0.0)
        self._own_nm = {}
        self._seen_ns = dict.fromkeys(held_nm, t_ns)
        self._last = frozenset(held_nm)

    def clear(self) -> None:
        """Hold none."""
        self.begin({}, 0.0)

    def places(self) -> dict[int, float]:
        """Return z (nm) at which each is held."""
        return dict(self._held_nm)

    def shift(self, distance_nm: float) -> None:
        """Hold all so much higher."""
        for bead_id, own_nm in self._own_nm.items():
            if bead_id not in self._held_nm:
                self._own_nm[bead_id] = deque((one + distance_nm for one in own_nm), self._n_frames)
        self._held_nm = {bead_id: at_nm + distance_nm for bead_id, at_nm in self._held_nm.items()}

    def forget(self, bead_ids: Collection[int]) -> None:
        """Do without these beads."""
        for known in (self._held_nm, self._crept_nm, self._own_nm, self._seen_ns):
            for bead_id in bead_ids:
                known.pop(bead_id, None)

    def errors(self, z_nm: Mapping[int, float]) -> dict[int, float]:
        """Return how far each bead is from where it is held, what it has crept included."""
        return {
            bead_id: at_nm - self._held_nm[bead_id]
            for bead_id, at_nm in z_nm.items()
            if bead_id in self._held_nm
        }

    def take(self, z_nm: Mapping[int, float], t_ns: float) -> float:
        """Take in z of the good beads of a frame; return the error (nm), NaN if none of them counts yet."""
        self._see(z_nm, t_ns)
        there = frozenset(self._crept_nm.keys() & z_nm.keys())
        if not there:
            return math.nan
        if there != self._last:
            self._count_anew()
            self._last = there
        errors = self.errors(z_nm)
        error_nm = float(np.median([errors[bead_id] - self._crept_nm[bead_id] for bead_id in there]))
        for bead_id, at_nm in z_nm.items():
            own_nm = self._own_nm.setdefault(bead_id, deque(maxlen=self._n_frames))
            own_nm.append(at_nm - self._held_nm.get(bead_id, 0.0) - error_nm)
            if bead_id not in self._crept_nm and len(own_nm) == self._n_frames:
                self._join(bead_id, float(np.median(own_nm)))
        return error_nm

    def _see(self, z_nm: Mapping[int, float], t_ns: float) -> None:
        """Note who is there; who has been away begins anew, and comes back slowly."""
        for bead_id in list(self._own_nm.keys() | self._crept_nm.keys()):
            if bead_id not in z_nm and t_ns - self._seen_ns.get(bead_id, t_ns) > self._patience_ns:
                self._own_nm.pop(bead_id, None)
                self._crept_nm.pop(bead_id, None)
        self._seen_ns |= dict.fromkeys(z_nm, t_ns)

    def _join(self, bead_id: int, own_nm: float) -> None:
        """Let a bead count that has been compared with the others."""
        if bead_id in self._held_nm:
            self._crept_nm[bead_id] = own_nm
            return
        self._held_nm[bead_id], self._crept_nm[bead_id] = own_nm, 0.0
        self._own_nm[bead_id] = deque((one - own_nm for one in self._own_nm[bead_id]), self._n_frames)

    def _count_anew(self) -> None:
        """Count beads that have crept for certain from where they are: noise does not add up."""
        for bead_id, crept_nm in self._crept_nm.items():
            own_nm = self._own_nm.get(bead_id, ())
            if len(own_nm) < _FEWEST_FRAMES:
                continue
            now_nm = float(np.median(own_nm))
            sigma_nm = MEDIAN_NOISE * float(np.std(own_nm)) / math.sqrt(len(own_nm))
            if abs(now_nm - crept_nm) > _MOVED * sigma_nm:
                self._crept_nm[bead_id] = now_nm


def medians(frames: Sequence[Mapping[int, float]] | deque[Mapping[int, float]]) -> dict[int, float]:
    """Return the median z of every bead that was good in more than half of the frames."""
    ids = {bead_id for frame in frames for bead_id in frame}
    seen = {bead_id: [frame[bead_id] for frame in frames if bead_id in frame] for bead_id in sorted(ids)}
    return {bead_id: float(np.median(z)) for bead_id, z in seen.items() if 2 * len(z) > len(frames)}
