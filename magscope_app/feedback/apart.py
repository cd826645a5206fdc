"""Which of several beads that should move alike has moved against the others, however noisy they are."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.held import MEDIAN_NOISE

Floats = npt.NDArray[np.float64]
#: Fewest frames, and fewest beads, of which that can be told; and of which one can be told to be wrong.
_FEWEST_FRAMES, FEWEST_BEADS, _TO_TELL = 8, 2, 3
#: A bead must be so many times the uncertainty of its distance away; and two in the newest frames alone.
_CERTAIN, _AT_ONCE = 5.0, 8.0
#: Places at which beads are held come from as many frames as those that are compared with them.
_TWO_MEDIANS = math.sqrt(2.0)
#: Standard deviation per median of absolute deviations.
_MAD = 1.4826


class Apart:
    """Follows how far each bead is from the median of all, over some time.

    Noise of single frames is averaged, and a move of all beads does not count: frames in which the focus
    moves say as much as others. The median of two is their mean, and follows half of what one of them does:
    they are compared with each other, with half of the limit, and the newest frames also by themselves.

    Parameters
    ----------
    config : ZLockConfig
        Has the limit; the time over which medians are taken, at least 8 frames; and that of the newest.
    period_s : float
        Time of a frame.
    """

    def __init__(self, config: ZLockConfig, period_s: float) -> None:
        self._limit_nm, self._newest = config.max_disagreement_nm, config.window
        self._window_s = config.patience_s
        self._errors_nm: deque[dict[int, float]] = deque()
        self._sigma_nm: dict[int, float] = {}
        self.expect(period_s)

    def expect(self, period_s: float) -> None:
        """Take the frames to come in this period from now on."""
        self.n_frames = max(_FEWEST_FRAMES, math.ceil(self._window_s / period_s))
        self._errors_nm = deque(self._errors_nm, maxlen=max(self.n_frames, self._newest))

    def clear(self) -> None:
        """Begin anew."""
        self._errors_nm.clear()

    def add(self, errors_nm: Mapping[int, float], sigma_nm: Mapping[int, float]) -> None:
        """Take in a frame: how far each bead is from where it is held, and how uncertain its z is."""
        if len(errors_nm) >= FEWEST_BEADS:
            self._errors_nm.append(dict(errors_nm))
            self._sigma_nm |= sigma_nm

    def disagreement(self) -> str | None:
        """Say which beads have moved against the others; None if none has for certain."""
        frames = self._errors_nm
        ids = sorted({bead_id for frame in frames for bead_id in frame})
        table = np.array([[frame.get(bead_id, np.nan) for bead_id in ids] for frame in frames])
        table = table.reshape(len(frames), len(ids))
        usual = 2 * np.isfinite(table).sum(axis=0) > len(frames)
        ids = [bead_id for bead_id, is_one in zip(ids, usual, strict=True) if is_one]
        table = table[:, usual]
        table = table[np.isfinite(table).sum(axis=1) >= FEWEST_BEADS]
        if len(ids) < FEWEST_BEADS or not len(table):
            return None
        return self._two(ids, table) if len(ids) < _TO_TELL else self._farthest(ids, table)

    def _two(self, ids: Sequence[int], table: Floats) -> str | None:
        off_nm = table[:, 0] - table[:, 1]
        found = self._over_time(off_nm) or self._at_once(off_nm, [self._sigma_nm[bead_id] for bead_id in ids])
        if found is None:
            return None
        apart_nm, limit_nm = found
        return (
            f"the beads disagree: {ids[0]} and {ids[1]} have moved {apart_nm:.0f} nm against each other, "
            f"more than {limit_nm:.0f} nm (z_lock.max_disagreement_nm)"
        )

    def _over_time(self, off_nm: Floats) -> tuple[float, float] | None:
        """Return how far two are apart and how far they may be, if that is too far."""
        apart_nm, limit_nm = _distance(off_nm), max(self._limit_nm / 2, _uncertainty(off_nm))
        return (apart_nm, limit_nm) if apart_nm is not None and apart_nm > limit_nm else None

    def _at_once(self, off_nm: Floats, sigmas_nm: Sequence[float]) -> tuple[float, float] | None:
        """Return the same of the newest frames: the focus would follow a bead that moves fast for a while."""
        newest_nm = off_nm[-self._newest :]
        if len(newest_nm) < self._newest:
            return None
        scatter_nm = math.hypot(*sigmas_nm)
        if len(off_nm) >= _FEWEST_FRAMES:
            scatter_nm = max(scatter_nm, _MAD * float(np.median(np.abs(off_nm - np.median(off_nm)))))
        limit_nm = max(self._limit_nm, _AT_ONCE * MEDIAN_NOISE * scatter_nm / math.sqrt(self._newest))
        apart_nm = abs(float(np.median(newest_nm)))
        return (apart_nm, limit_nm) if apart_nm > limit_nm else None

    def _farthest(self, ids: Sequence[int], table: Floats) -> str | None:
        table = table - np.nanmedian(table, axis=1, keepdims=True)
        found: tuple[float, int] | None = None
        for bead_id, column in zip(ids, table.T, strict=True):
            off_nm = column[np.isfinite(column)]
            apart_nm = _distance(off_nm)
            if apart_nm is not None and apart_nm > max(self._limit_nm, _uncertainty(off_nm)):
                found = max(found or (0.0, 0), (apart_nm, bead_id))
        if found is None:
            return None
        return (
            f"the beads disagree: bead {found[1]} has moved {found[0]:.0f} nm against the median of "
            f"{len(ids)} (z_lock.max_disagreement_nm = {self._limit_nm:g})"
        )


def _distance(off_nm: Floats) -> float | None:
    """Return the median distance, None of too few frames."""
    return abs(float(np.median(off_nm))) if len(off_nm) >= _FEWEST_FRAMES else None


def _uncertainty(off_nm: Floats) -> float:
    """Return what a median distance must exceed to be no noise."""
    return _CERTAIN * _TWO_MEDIANS * MEDIAN_NOISE * float(np.std(off_nm)) / math.sqrt(len(off_nm))
