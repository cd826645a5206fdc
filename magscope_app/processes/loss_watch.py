"""Says in the log when frames are lost, and where."""

from __future__ import annotations

import math
from collections.abc import Callable

from magscope_app.messages import Counters

#: So often at most: what is lost meanwhile is said together.
_SAY_EVERY_S = 10.0
#: A loss that has ended is said sooner: when no frame was lost for so long, and so long after the last time.
_OVER_S, _SAY_AGAIN_S = 1.0, 2.0
#: Counter, and what lost its frames.
_PLACES = {
    "lost_upstream": "by the camera or its driver",
    "lost_ring": "because the buffer was full",
    "lost_tracking": "by tracking, which is too slow or stood still",
    "lost_recording": "by the recording, which is too slow or stood still",
}


class LossWatch:
    """Compares the counters of lost frames with what was said last.

    Parameters
    ----------
    say : callable
        Takes a sentence for the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = dict.fromkeys(_PLACES, 0)
        self._said_s = -math.inf
        self._total, self._lost_s = 0, -math.inf

    def look(self, counters: Counters, now_s: float) -> None:
        """Take in the counters of now (monotonic seconds)."""
        counts = {name: int(getattr(counters, name)) for name in _PLACES}
        # A recording that begins counts anew.
        self._said = {name: min(self._said[name], counts[name]) for name in _PLACES}
        lost = {name: counts[name] - self._said[name] for name in _PLACES}
        total = sum(lost.values())
        if total != self._total:
            self._total, self._lost_s = total, now_s
        if not total or now_s < self._said_s + (_SAY_AGAIN_S if self._is_over(now_s) else _SAY_EVERY_S):
            return
        more = "" if self._said_s == -math.inf else " more"
        self._said, self._said_s, self._total = counts, now_s, 0
        parts = ", ".join(f"{count} {_PLACES[name]}" for name, count in lost.items() if count)
        self._say(f"{total}{more} {'frame was' if total == 1 else 'frames were'} lost: {parts}")

    def _is_over(self, now_s: float) -> bool:
        return now_s - self._lost_s >= _OVER_S
