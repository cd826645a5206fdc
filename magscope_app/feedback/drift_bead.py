"""What drift knows of one bead, and the averages it is made of."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Frames whose mean says where a bead was when the drift was 0.
_FIRST_FRAMES = 25
#: Beads needed for a plane, and how far (nm) they must lie off one line.
_PLANE_BEADS, _OFF_LINE_NM = 3, 1000.0
#: A speed counts if it is so many times its uncertainty.
_CERTAIN = 3.0


class RunningMean:
    """Mean of the last vectors (size,), component by component, of what is known."""

    def __init__(self, window: int, size: int) -> None:
        self._window = window
        self._last: deque[Floats] = deque()
        self._sum, self._count = np.zeros(size), np.zeros(size)

    def add(self, vector: Floats) -> None:
        """Take in a vector; NaN where it is not known."""
        self._last.append(vector)
        self._book(vector, 1)
        if len(self._last) > self._window:
            self._book(self._last.popleft(), -1)

    def clear(self, axis: int) -> None:
        """Forget one component."""
        self._last = deque(vector.copy() for vector in self._last)
        for vector in self._last:
            vector[axis] = np.nan
        self._sum[axis] = self._count[axis] = 0.0

    def _book(self, vector: Floats, sign: int) -> None:
        known = ~np.isnan(vector)
        self._sum += sign * np.where(known, vector, 0.0)
        self._count += sign * known

    def value(self) -> Floats:
        """Return the mean, NaN where nothing is known."""
        found: Floats = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        return found


class Bead:
    """Where a bead was when the drift was 0, and how far it is since from what all have in common.

    Component by component: the height may become known later than x and y.

    Parameters
    ----------
    window : int
        Frames over which it is averaged, and after which it is gone.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._sum, self._count, self._absent = np.zeros(3), np.zeros(3), np.zeros(3)
        self._rest = RunningMean(window, 3)
        self._kept_nm = np.full(3, np.nan)
        #: Its origin when it left.
        self._former_nm = np.full(3, np.nan)
        #: Mean of the first frames less the drift, NaN in what is not known yet.
        self.origin_nm: Floats = np.full(3, np.nan)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """What of its origin (3,) is known."""
        return ~np.isnan(self.origin_nm)

    @property
    def gone(self) -> npt.NDArray[np.bool_]:
        """What of it (3,) has not been seen for more than a window."""
        return self._absent > self._window

    @property
    def rest_nm(self) -> Floats:
        """Mean distance (3,) from what all have in common; the last one while it is not seen."""
        return self._kept_nm

    def see(self, rest_nm: Floats) -> None:
        """Take in a distance (3,) from what all have in common; NaN where it was not seen."""
        self._rest.add(rest_nm)
        mean_nm = self._rest.value()
        self._kept_nm = np.where(np.isnan(mean_nm), self._kept_nm, mean_nm)

    def learn(self, origin_nm: Floats) -> None:
        """Take in a frame's origin (3,), as far as it is known and the first frames are not over."""
        seen = ~np.isnan(origin_nm)
        self._absent = np.where(seen, 0, self._absent + 1)
        wanted = seen & ~self.known
        self._sum += np.where(wanted, origin_nm, 0.0)
        self._count += wanted
        done = wanted & (self._count >= _FIRST_FRAMES)
        self.origin_nm = np.where(done, self._sum / np.maximum(self._count, 1), self.origin_nm)

    def settle(self, axis: int, rest_nm: float) -> None:
        """Count what it has moved by itself as part of where it was."""
        self.origin_nm[axis] += rest_nm
        self._clear_rest(axis)

    def forget(self, axis: int) -> None:
        """Begin anew with one component."""
        self.origin_nm[axis] = np.nan
        self._former_nm[axis] = np.nan
        self._sum[axis] = self._count[axis] = self._absent[axis] = 0.0
        self._clear_rest(axis)

    def leave(self, axis: int) -> None:
        """Begin anew with one component, but keep where it was."""
        former_nm = self.origin_nm[axis] if self.known[axis] else self._former_nm[axis]
        self.forget(axis)
        self._former_nm[axis] = former_nm

    def come_back(self) -> None:
        """Count from where it was before it left, in what is not known anew."""
        self.origin_nm = np.where(self.known, self.origin_nm, self._former_nm)

    def _clear_rest(self, axis: int) -> None:
        self._rest.clear(axis)
        self._kept_nm[axis] = np.nan


class Trend:
    """A straight line through the last values.

    Parameters
    ----------
    length : int
        Values that are kept.
    """

    def __init__(self, length: int) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=length)

    def add(self, t_ns: float, value: float) -> None:
        """Take in a value."""
        self._last.append((1e-9 * t_ns, value))

    def at(self, t_ns: float, otherwise: float) -> float:
        """Return the value at a time, with the speed of the line where that is certain."""
        if len(self._last) < _FIRST_FRAMES:
            return otherwise
        t_s, values = np.array(self._last).T
        late_s, middle = t_s - t_s.mean(), float(values.mean())
        spread = float(late_s @ late_s)
        speed = float(late_s @ values) / spread
        left = values - middle - speed * late_s
        certain = abs(speed) > _CERTAIN * math.sqrt(float(left @ left) / (len(values) - 2) / spread)
        return middle + speed * (1e-9 * t_ns - float(t_s.mean())) if certain else middle


def mean_of_known(table: Floats) -> Floats:
    """Return the mean over rows (n, m), column by column, of what is known; NaN where nothing is."""
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    sums = np.where(known, table, 0.0).sum(axis=0)
    found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def plane_slopes(at: Floats, dz_nm: Floats) -> Floats | None:
    """Return slopes (2,) of the plane through dz (n,) at places (n, 2); None if none fits."""
    known = ~np.isnan(dz_nm) & ~np.isnan(at).any(axis=1)
    if known.sum() < _PLANE_BEADS:
        return None
    off = at[known] - at[known].mean(axis=0)
    spread = np.linalg.svd(off, compute_uv=False) / math.sqrt(known.sum())
    if spread[-1] < _OFF_LINE_NM:
        return None
    slopes: Floats = np.linalg.lstsq(off, dz_nm[known] - dz_nm[known].mean(), rcond=None)[0]
    return slopes
