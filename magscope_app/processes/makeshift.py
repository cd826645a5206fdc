"""Says from which frame to which positions were makeshift, as there was no time to make them as usual."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

KIND = "makeshift positions"
#: What goes on is told in pieces of this length.
_EVERY_S = 1.0


class Makeshift:
    """Follows the tracker's count batch by batch; what is over is told, and what goes on once a second.

    Parameters
    ----------
    tell : callable
        Takes first frame id and fields of an event.
    clock : callable
        Seconds on a clock that never goes back.
    """

    def __init__(
        self, tell: Callable[[int, dict[str, Any]], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._due_s = 0.0
        self._count = self._first_id = self._last_id = 0

    def batch(self, first_id: int, last_id: int, count: int) -> None:
        """Take in how many positions of a batch were makeshift."""
        if count:
            if not self._count:
                self._first_id = first_id
                self._due_s = self._clock() + _EVERY_S
            self._count += count
            self._last_id = last_id
        if not count or self._clock() >= self._due_s:
            self._end()

    def _end(self) -> None:
        count, self._count = self._count, 0
        if count:
            text = (
                f"frames {self._first_id} to {self._last_id}: {count} positions are from coarse references "
                "or the method qi, as tracking had no time or memory to prepare better ones"
            )
            self._tell(self._first_id, {"last_id": self._last_id, "count": count, "text": text})
