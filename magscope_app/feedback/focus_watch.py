"""Whether the focus does what it is told: arrival, being stuck, and moves of others."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from magscope_app.devices.numbers import apart

Floats = npt.NDArray[np.float64]
#: Latencies whose median is shown.
_KEPT = 101
#: Targets (nm) that differ by less are the same.
_SAME = 1e-3
#: A focus that says nothing for so long, and for so many times its usual pause, is not held by anybody.
_SILENT_S, _SILENT_PAUSES = 0.75, 2.5
#: Columns of the telemetry that say nothing where they are not finite.
_TIME, _POSITION, _TARGET, _MOVING, _AT_TARGET = range(5)


class FocusWatch:
    """Follows the focus through its telemetry.

    Parameters
    ----------
    arrival_nm : float
        It has arrived when it is as near as this.
    arrival_s : float
        It has failed to when it takes longer.
    """

    def __init__(self, arrival_nm: float, arrival_s: float) -> None:
        self._arrival_nm = arrival_nm
        self._arrival_ns = 1e9 * arrival_s
        self._latencies_ms: deque[float] = deque(maxlen=_KEPT)
        self._sent_ns: float | None = None
        #: What it was told last, and before.
        self._orders_nm = (math.nan, math.nan)
        #: Session time of the newest row whose target was looked at.
        self._seen_ns = -math.inf
        #: Longest pause between two rows of late.
        self._pause_ns = 0.0
        self.position_nm = math.nan
        self.target_nm = math.nan
        #: Session time from which the focus has been at its target; infinite while it is on its way.
        self.settled_ns = math.inf

    @property
    def on_its_way(self) -> bool:
        """Whether a move has been sent that has not arrived."""
        return self._sent_ns is not None

    @property
    def latency_ms(self) -> float:
        """Median time from a command to the arrival of the focus; NaN before the first."""
        return float(np.median(self._latencies_ms)) if self._latencies_ms else math.nan

    def begin(self, rows: Floats) -> str | None:
        """Take the focus as it is, from telemetry rows (n, 5); say what speaks against it, or None.

        It has been at rest since the first row after the last one that says otherwise.
        """
        self._sent_ns = None
        rows = _known(rows)
        if not len(rows):
            return "nothing is known of the focus yet"
        t_ns, position, target, moving, at_target = rows[-1].tolist()
        if moving or not at_target:
            self.settled_ns = math.inf
            return "the focus is moving"
        restless = (rows[:, _MOVING] != 0) | (rows[:, _AT_TARGET] == 0)
        restless |= np.abs(rows[:, _TARGET] - target) > _SAME
        last_ns = float(rows[restless, _TIME].max(initial=-math.inf))
        if not last_ns < self.settled_ns < math.inf:
            self.settled_ns = float(rows[rows[:, _TIME] > last_ns][0, _TIME])
        self.position_nm, self.target_nm = position, target
        self._orders_nm, self._seen_ns = (target, target), t_ns
        return None

    def send(self, target_nm: float, now_ns: float) -> None:
        """Note that the focus was told to go to `target_nm`."""
        self._orders_nm = target_nm, self.target_nm
        self.target_nm = target_nm
        self._sent_ns, self.settled_ns = now_ns, math.inf

    def look(self, rows: Floats, now_ns: float) -> str | None:
        """Take in telemetry rows (n, 5) of the last moments; say what is wrong, or None."""
        # A target that nobody knows is that of a search for the reference position.
        lost = np.isnan(rows[:, _TARGET]) & (rows[:, _MOVING] != 0) & (rows[:, _TIME] > self._seen_ns)
        searching = bool(lost.any()) and not self.on_its_way
        rows = _known(rows)
        if len(rows):
            self.position_nm = float(rows[-1, _POSITION])
        if self._is_foreign(rows) or searching:
            return "the focus was moved or stopped by something else"
        return self._arrives(rows, now_ns) or self._is_silent(rows, now_ns)

    def _is_silent(self, rows: Floats, now_ns: float) -> str | None:
        """Say for how long the focus has not told where it is, if that is too long."""
        if len(rows) > 1:
            self._pause_ns = float(np.diff(rows[:, _TIME]).max())
        silent_ns = now_ns - self._seen_ns
        if silent_ns <= max(1e9 * _SILENT_S, _SILENT_PAUSES * self._pause_ns):
            return None
        return f"the focus has not told where it is for {1e-9 * silent_ns:.1f} s"

    def _arrives(self, rows: Floats, now_ns: float) -> str | None:
        """Note that it has arrived, or say that it takes too long."""
        sent_ns = self._sent_ns
        if sent_ns is None:
            return None
        at = (rows[:, 0] > sent_ns) & (np.abs(rows[:, 2] - self.target_nm) <= _SAME)
        at &= np.abs(rows[:, 1] - self.target_nm) <= self._arrival_nm
        if at.any():
            self.settled_ns = float(rows[at][0, 0])
            self._latencies_ms.append(1e-6 * (self.settled_ns - sent_ns))
            self._sent_ns = None
        elif now_ns - sent_ns > self._arrival_ns:
            place, wanted = apart(self.position_nm, self.target_nm)
            return (
                f"the focus did not reach {wanted} nm within {1e-9 * self._arrival_ns:g} s, "
                f"it is at {place} nm (is it stuck?)"
            )
        return None

    def _is_foreign(self, rows: Floats) -> bool:
        """Say whether a new row has a target that was not ordered here, also while an order is on its way."""
        new = rows[rows[:, 0] > self._seen_ns]
        if not len(new):
            return False
        self._seen_ns = float(new[-1, 0])
        # An order that was sent a moment ago may not have arrived: the one before stands till then.
        own = [np.abs(new[:, 2] - order_nm) <= _SAME for order_nm in self._orders_nm]
        return not bool((own[0] | own[1]).all())


def _known(rows: Floats) -> Floats:
    """Return the rows that say where the focus is and where it is to go: one that does not says nothing."""
    known: Floats = rows[np.isfinite(rows[:, _TIME : _TARGET + 1]).all(axis=1)]
    return known
