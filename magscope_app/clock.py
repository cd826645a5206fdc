"""The session clock and its anchor to wall-clock time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

#: Pairs of readings from which the anchor is taken; time.time ticks at 15.6 ms on Windows up to Python 3.12.
_PAIRS = 200


@dataclass(frozen=True, slots=True)
class WallAnchor:
    """Ties the session clock to Unix time.

    Attributes
    ----------
    session_start_ns : int
        ``time.perf_counter_ns()`` at which the session clock is 0.
    unix_ns : int
        Unix time of that moment.
    uncertainty_ns : int
        Half the spread of the readings from which it was taken.
    """

    session_start_ns: int
    unix_ns: int
    uncertainty_ns: int

    @classmethod
    def measure(cls) -> WallAnchor:
        """Start a session clock now."""
        offsets = sorted(time.time_ns() - time.perf_counter_ns() for _ in range(_PAIRS))
        start_ns = time.perf_counter_ns()
        spread_ns = offsets[-_PAIRS // 10] - offsets[_PAIRS // 10]
        return cls(start_ns, start_ns + offsets[_PAIRS // 2], max(1, spread_ns // 2))

    def session_ns(self) -> int:
        """Return the time since the session started."""
        return time.perf_counter_ns() - self.session_start_ns

    def utc(self, session_ns: int) -> datetime:
        """Return wall-clock time for a time of the session clock."""
        return datetime.fromtimestamp((self.unix_ns + session_ns) * 1e-9, UTC)
