"""Whether the focus acts on the beads: evidence from every correction, and a test step when in doubt."""

from __future__ import annotations

import math
from collections import deque
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Measurements over which drift is taken to be straight, times the gain: the loop's own time; and limits.
_MEMORY, _SHORTEST, _LONGEST = 10.0, 8, 200
#: Logarithm of the odds at which the focus is doubted, and what one measurement can add to it.
_DOUBTED, _MOST = 14.0, 6.0
#: Squared distance, in units of the noise, from which the beads have jumped.
_JUMP = 25.0
#: The focus is tested after so much travel on weak evidence, and with such a step: nm, and times the noise.
_WAY_NM, _WAY_NOISES = 40.0, 12.0
#: It is also tested after so many times this travel without evidence that it acts: this logarithm of odds.
_BLIND_WAYS, _TRUSTED = 2.5, 4.0
#: Part of what a test step should do that it has to do.
_LEAST = 0.3


class FocusResponse:
    """Judges whether corrections have the effect on the error that they should have.

    If the focus acts, error + factor · focus is the height of the beads, which drifts slowly; if it does not,
    the error itself is. The noise of the measurements moves the focus, too, and makes the wrong one of the
    two rough. Each is predicted by a straight line through its last values; the log-likelihood ratio of the
    two predictions is summed up (CUSUM, Page 1954). Drift that the lock cancels is as smooth as drift that
    it does not see, so this works in any drift. Drift that sets in suddenly, sway and backlash raise doubt
    as well: then, and after some travel, a single test step that is far above the noise decides.

    Parameters
    ----------
    factor : float
        Bead z per focus travel.
    gain : float
        Part of the error that one correction takes back.
    floor_nm : float
        The noise is not taken to be less.
    max_step_nm : float
        Largest step of the focus.
    """

    def __init__(self, factor: float, gain: float, floor_nm: float, max_step_nm: float) -> None:
        self._factor = factor
        self._max_step_nm = max_step_nm
        self._floor = max(floor_nm, 1e-3) ** 2
        memory = int(min(max(_MEMORY / gain, _SHORTEST), _LONGEST))
        #: Of every measurement: the height if the focus acts, and if it does not.
        self._last: deque[Floats] = deque(maxlen=memory)
        #: Variance of a measurement: slow, and that of the last moments.
        self._slow = self._fast = self._floor
        self._jumped = False
        self._odds = 0.0
        #: The same for a focus that acts.
        self._trust = 0.0
        #: Where the focus was when the evidence began, and when it was last seen to act; measurements since.
        self._from_nm = self._trusted_nm = math.nan
        self._since = 0
        #: The test step, the error without it, and the errors after it.
        self._step_nm = self._before_nm = self._back_nm = 0.0
        self._after_nm: list[float] = []

    def begin(self, noise_nm: float, focus_nm: float) -> None:
        """Start with what is known of the noise of a measurement."""
        self._slow = self._fast = max(noise_nm**2, self._floor)
        self._from_nm = self._trusted_nm = focus_nm

    def shift(self, distance_nm: float) -> None:
        """From now on errors are so much larger, because the beads are held elsewhere."""
        self._last = deque((pair + distance_nm for pair in self._last), self._last.maxlen)
        self._before_nm += distance_nm

    def look(self, error_nm: float, focus_nm: float) -> str | None:
        """Take in the error (nm) with the focus at rest at `focus_nm`; say why to let go, or None."""
        seen = np.array([error_nm + self._factor * focus_nm, error_nm])
        if self._step_nm:
            self._after_nm.append(error_nm)
            return self._verdict() if len(self._after_nm) >= self._looks() else None
        if len(self._last) >= 3:
            self._weigh(seen)
        self._last.append(seen)
        if not self._odds:
            self._from_nm = focus_nm
        self._since += 1
        if self._trust >= _TRUSTED or math.isnan(self._trusted_nm):
            self._trusted_nm, self._trust, self._since = focus_nm, 0.0, 0
        way_nm = self._suspicious_way(focus_nm)
        if way_nm:
            self._step_nm = math.copysign(min(self._way_nm, self._max_step_nm), way_nm)
            self._before_nm, self._after_nm = error_nm, []
        return None

    def _suspicious_way(self, focus_nm: float) -> float:
        """Return how far the focus has gone without proof, if that calls for a test; else 0."""
        doubtful_nm, blind_nm = focus_nm - self._from_nm, focus_nm - self._trusted_nm
        if self._odds >= _DOUBTED and abs(doubtful_nm) >= self._way_nm:
            return doubtful_nm
        long_ago = self._since > 2 * (self._last.maxlen or 0)
        return blind_nm if long_ago and abs(blind_nm) >= _BLIND_WAYS * self._way_nm else 0.0

    def test_step(self) -> float:
        """Return the travel (nm) that is to be added to the correction; 0 if there is no test."""
        return self._step_nm

    @property
    def holds(self) -> bool:
        """Whether the focus is to stay, because the verdict needs more measurements."""
        return bool(self._step_nm and self._after_nm)

    def step_back(self) -> float:
        """Return the travel (nm) that takes a test step back; 0 if there was none, or it is done."""
        back_nm, self._back_nm = self._back_nm, 0.0
        return back_nm

    @property
    def _way_nm(self) -> float:
        return max(_WAY_NM, _WAY_NOISES * math.sqrt(self._slow))

    def _looks(self) -> int:
        """Return how many measurements the verdict needs, where the largest step is near the noise."""
        return 1 + int(64 * self._slow / (self._factor * self._step_nm) ** 2)

    def _verdict(self) -> str | None:
        wanted_nm = -self._factor * self._step_nm
        found_nm = sum(self._after_nm) / len(self._after_nm) - self._before_nm
        said = (
            f"the focus does not act on the beads as it should: a step of {self._step_nm:.0f} nm moved them "
            f"by {found_nm:.0f} nm instead of {wanted_nm:.0f} nm (is the objective coupled, is the axis the "
            "right one, does a higher position move the focal plane away from the coverslip?)"
        )
        # The memory is of a focus that went its usual way: it begins anew.
        self._last.clear()
        self._back_nm, self._step_nm = -self._step_nm, 0.0
        self._odds = self._trust = 0.0
        self._trusted_nm, self._since = math.nan, 0
        return said if found_nm / wanted_nm < _LEAST else None

    def _weigh(self, seen: Floats) -> None:
        """Add what this measurement says for a focus without effect, and follow the noise."""
        weights, scale = _line(len(self._last))
        off = seen - weights @ np.array(self._last)
        acts, idle = scale * off**2
        noise = max(self._slow, self._fast)
        jumped = min(acts, idle) > _JUMP * noise
        if jumped and not self._jumped:
            # The beads have jumped, whatever the focus does.
            for pair in self._last:
                pair += off
        else:
            self._fast += (min(idle, _JUMP * noise) - self._fast) / 8
            self._slow += (min(idle, 9 * self._slow) - self._slow) / (4 * (self._last.maxlen or 1))
            self._slow = max(self._slow, self._floor)
            odds = min(max(0.5 * (acts - idle) / max(self._slow, self._fast), -_MOST), _MOST)
            self._odds = min(max(0.0, self._odds + odds), _DOUBTED + _MOST)
            self._trust = max(0.0, self._trust - odds)
        self._jumped = jumped


@cache
def _line(count: int) -> tuple[Floats, float]:
    """Return weights (count,) of a straight line, one ahead, and 1 / variance of its error."""
    at = np.arange(count) - (count - 1) / 2
    weights: Floats = 1 / count + (count + 1) / 2 * at / (at @ at)
    return weights, float(1 / (1 + weights @ weights))
