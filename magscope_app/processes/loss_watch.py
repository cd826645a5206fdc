"""Says in the log when frames are lost, and where."""

from __future__ import annotations

import math
from collections.abc import Callable

from magscope_app.messages import Counters

#: So often at most: what is lost meanwhile is said together.
_SAY_EVERY_S = 10.0
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
        self._due_s = -math.inf

    def look(self, counters: Counters, now_s: float) -> None:
        """Take in the counters of now (monotonic seconds)."""
        counts = {name: int(getattr(counters, name)) for name in _PLACES}
        # A recording that begins counts anew.
        self._said = {name: min(self._said[name], counts[name]) for name in _PLACES}
        lost = {name: counts[name] - self._said[name] for name in _PLACES}
        total = sum(lost.values())
        if not total or now_s < self._due_s:
            return
        more = "" if self._due_s == -math.inf else " more"
        self._said, self._due_s = counts, now_s + _SAY_EVERY_S
        parts = ", ".join(f"{count} {_PLACES[name]}" for name, count in lost.items() if count)
        self._say(f"{total}{more} {'frame was' if total == 1 else 'frames were'} lost: {parts}")
