"""Levels and losses over the last minutes, for plots."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from magscope_app.messages import SystemStatus

FloatArray = npt.NDArray[np.float64]
#: Status messages come a few times a second: this is more than ten minutes of them.
_MOST = 6000
LOSSES = ("lost_upstream", "lost_ring", "lost_tracking", "lost_recording")


@dataclass
class RateHistory:
    """What the status messages have said, one row each; memory is bounded."""

    _rows: deque[tuple[float, ...]] = field(default_factory=lambda: deque(maxlen=_MOST))
    _lost: float | None = None
    _lost_at_s: float = -math.inf

    def add(self, status: SystemStatus) -> None:
        """Take a status message."""
        t_s = status.timestamp_ns * 1e-9
        if self._rows and t_s <= self._rows[-1][0]:
            return
        counters = status.counters
        losses = tuple(float(getattr(counters, name)) for name in LOSSES)
        # What was lost before the first message is old: nobody says when that was.
        if self._lost is not None and sum(losses) > self._lost:
            self._lost_at_s = t_s
        self._lost = sum(losses)
        self._rows.append((t_s, status.fps, status.buffer_level, *losses))

    @property
    def loss_age_s(self) -> float:
        """Time from the newest loss of a frame to the newest status, infinite where none was seen."""
        return self._rows[-1][0] - self._lost_at_s if self._rows else math.inf

    def last(self, seconds: float) -> FloatArray:
        """Return rows (n, 7) of time (s), fps, level of the ring (0 to 1) and the four losses (counts)."""
        rows = np.array(self._rows, np.float64).reshape(-1, 3 + len(LOSSES))
        return rows if not len(rows) else rows[rows[:, 0] > rows[-1, 0] - seconds]
