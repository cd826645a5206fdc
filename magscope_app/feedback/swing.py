"""Whether corrections make the beads swing, or do more to them than they should."""

from __future__ import annotations

import math
from collections import deque

#: What is smaller than this (nm), and than so many times the noise of a measurement, is not judged.
_SMALL_NM, _SMALL_NOISES = 20.0, 8.0
#: So many changes of side within so many measurements are a swing.
_TURNS, _LOOKS = 6, 18
#: Travels of the focus, one after the other, that all do more than so many times what they should.
_TRAVELS, _TOO_MUCH = 3, 2.0


class Swing:
    """Judges errors and travels of the focus, measurement by measurement.

    Parameters
    ----------
    factor : float
        Bead z per focus travel.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._count = 0
        self._side = 0.0
        self._turns: deque[int] = deque(maxlen=_TURNS)
        self._effects: deque[float] = deque(maxlen=_TRAVELS)
        self._last_nm = (math.nan, math.nan)

    def shift(self, distance_nm: float) -> None:
        """From now on errors are so much larger, because the beads are held elsewhere."""
        error_nm, focus_nm = self._last_nm
        self._last_nm = error_nm + distance_nm, focus_nm

    def look(self, error_nm: float, focus_nm: float, noise_nm: float) -> str | None:
        """Take in the error (nm) with the focus at rest at `focus_nm`; say why to let go, or None."""
        small_nm = max(_SMALL_NM, _SMALL_NOISES * noise_nm)
        self._count += 1
        return self._effect(error_nm, focus_nm, small_nm) or self._turn(error_nm, small_nm)

    def _effect(self, error_nm: float, focus_nm: float, small_nm: float) -> str | None:
        (before_nm, from_nm), self._last_nm = self._last_nm, (error_nm, focus_nm)
        wanted_nm = -self._factor * (focus_nm - from_nm)
        if not abs(wanted_nm) > small_nm:
            return None
        self._effects.append((error_nm - before_nm) / wanted_nm)
        if len(self._effects) < _TRAVELS or min(self._effects) <= _TOO_MUCH:
            return None
        return (
            "the focus does not act on the beads as it should: the last steps moved them by "
            f"{sorted(self._effects)[_TRAVELS // 2]:.1f} times what they should (is "
            "optics.focal_shift_factor right, does the axis count in nm?)"
        )

    def _turn(self, error_nm: float, small_nm: float) -> str | None:
        side = math.copysign(1.0, error_nm)
        if not abs(error_nm) > small_nm or side == self._side:
            return None
        self._side = side
        self._turns.append(self._count)
        if len(self._turns) < _TURNS or self._count - self._turns[0] >= _LOOKS:
            return None
        return (
            f"the beads swing to and fro by {abs(error_nm):.0f} nm and corrections do not calm them; "
            "lower z_lock.gain, or look for what shakes the stage"
        )
