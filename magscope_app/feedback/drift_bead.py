"""What drift knows of one bead, and the averages it is made of."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Frames whose mean says where a bead was when the drift was 0.
_FIRST_FRAMES = 25
#: A speed counts if it is so many times its uncertainty, and for so many times as long as it was measured.
_CERTAIN, _AHEAD = 3.0, 5.0


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

    def _book(self, vector: Floats, sign: int) -> None:
        known = ~np.isnan(vector)
        self._sum += sign * np.where(known, vector, 0.0)
        self._count += sign * known

    def value(self) -> Floats:
        """Return the mean, NaN where nothing is known."""
        found: Floats = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        return found


class Rest:
    """Mean (3,) of the last distances of one bead, component by component; kept while none comes.

    It begins as the mean of zeros: a bead that is new is where the others say, and a few frames of it do not
    move it by their noise.
    """

    def __init__(self, window: int) -> None:
        self._last, self._next = np.zeros((window, 3)), np.zeros(3, dtype=np.intp)
        self._sum, self._moved = np.zeros(3), np.zeros(3)

    @property
    def mean_nm(self) -> Floats:
        """The mean (3,)."""
        found: Floats = self._sum / len(self._last) + self._moved
        return found

    def add(self, rest_nm: Floats) -> None:
        """Take in a distance (3,); what is NaN is not taken in."""
        for axis in np.flatnonzero(~np.isnan(rest_nm)):
            place, new = self._next[axis], rest_nm[axis] - self._moved[axis]
            self._sum[axis] += new - self._last[place, axis]
            self._last[place, axis] = new
            self._next[axis] = (place + 1) % len(self._last)

    def move(self, by_nm: Floats) -> None:
        """Move all of them by (3,)."""
        self._moved = self._moved + by_nm

    def clear(self, axis: int) -> None:
        """Begin anew with one component."""
        self._last[:, axis] = self._sum[axis] = self._moved[axis] = 0.0


class Bead:
    """Where a bead was when the drift was 0, and how far it is since from what all have in common.

    Component by component: the height may become known later than x and y. Where it was is learned once, and
    stays: a bead that was away counts from there when it comes back.

    Parameters
    ----------
    window : int
        Frames over which it is averaged, and after which it is gone.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._sum, self._count, self._absent = np.zeros(3), np.zeros(3), 0
        #: Mean distance (3,) from what all have in common; the last one while it is not seen.
        self.rest = Rest(window)
        #: Mean of the first frames less the drift, NaN in what is not known yet.
        self.origin_nm: Floats = np.full(3, np.nan)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """What of its origin (3,) is known."""
        return ~np.isnan(self.origin_nm)

    @property
    def gone(self) -> bool:
        """Whether it has not been seen for more than a window."""
        return self._absent > self._window

    def learn(self, origin_nm: Floats, *, seen: bool) -> None:
        """Take in a frame's origin (3,), as far as it is known and the first frames are not over."""
        self._absent = 0 if seen else self._absent + 1
        wanted = ~np.isnan(origin_nm) & ~self.known
        self._sum += np.where(wanted, origin_nm, 0.0)
        self._count += wanted
        done = wanted & (self._count >= _FIRST_FRAMES)
        self.origin_nm = np.where(done, self._sum / np.maximum(self._count, 1), self.origin_nm)

    def forget(self, axis: int) -> None:
        """Begin anew with one component."""
        self.origin_nm[axis] = np.nan
        self._sum[axis] = self._count[axis] = 0.0
        self.rest.clear(axis)


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
        """Return the value at a time, with the speed of the line where that is certain, and not for long."""
        if len(self._last) < _FIRST_FRAMES:
            return otherwise
        t_s, values = np.array(self._last).T
        late_s, middle = t_s - t_s.mean(), float(values.mean())
        spread = float(late_s @ late_s)
        speed = float(late_s @ values) / spread
        left = values - middle - speed * late_s
        certain = abs(speed) > _CERTAIN * math.sqrt(float(left @ left) / (len(values) - 2) / spread)
        until_s = min(1e-9 * t_ns, float(t_s[-1] + _AHEAD * (t_s[-1] - t_s[0])))
        return middle + speed * (until_s - float(t_s.mean())) if certain else middle
