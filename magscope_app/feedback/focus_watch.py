"""Whether the focus does what it is told: arrival, being stuck, and moves of others."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from magscope_app.devices.numbers import apart

#: Latencies whose median is shown.
_KEPT = 101
#: Targets (nm) that differ by less are the same.
_SAME = 1e-3


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

    def begin(self, rows: npt.NDArray[np.float64]) -> str | None:
        """Take the focus as it is, from telemetry rows (n, 5); say what speaks against it, or None."""
        self._sent_ns = None
        if not len(rows):
            return "nothing is known of the focus yet"
        t_ns, position, target, moving, at_target = rows[-1].tolist()
        if moving or not at_target:
            return "the focus is moving"
        self.position_nm, self.target_nm, self.settled_ns = position, target, t_ns
        self._orders_nm, self._seen_ns = (target, target), t_ns
        return None

    def send(self, target_nm: float, now_ns: float) -> None:
        """Note that the focus was told to go to `target_nm`."""
        self._orders_nm = target_nm, self.target_nm
        self.target_nm = target_nm
        self._sent_ns, self.settled_ns = now_ns, math.inf

    def look(self, rows: npt.NDArray[np.float64], now_ns: float) -> str | None:
        """Take in telemetry rows (n, 5) of the last moments; say what is wrong, or None."""
        if len(rows):
            self.position_nm = float(rows[-1, 1])
        if self._is_foreign(rows):
            return "the focus was moved or stopped by something else"
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

    def _is_foreign(self, rows: npt.NDArray[np.float64]) -> bool:
        """Say whether a new row has a target that was not ordered here, also while an order is on its way."""
        new = rows[rows[:, 0] > self._seen_ns]
        if not len(new):
            return False
        self._seen_ns = float(new[-1, 0])
        # An order that was sent a moment ago may not have arrived: the one before stands till then.
        own = [np.abs(new[:, 2] - order_nm) <= _SAME for order_nm in self._orders_nm]
        return not bool((own[0] | own[1]).all())
