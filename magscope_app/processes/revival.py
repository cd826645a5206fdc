"""Starting processes again that have died: when, and how often before it is given up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

#: Pauses before one restart after the other; a process that keeps dying is given up after the last.
_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)
#: Deaths that lie further back are forgotten.
_MEMORY_S = 300.0


class Revival:
    """Knows which processes are to be started again, and from when on.

    Parameters
    ----------
    policies : mapping
        ``"always"`` or ``"never"`` by kind of process; a process without a policy is never started again.
    clock : callable
        Seconds on a clock that never goes back.
    """

    def __init__(self, policies: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._policies = policies
        self._clock = clock
        self._deaths: dict[str, deque[float]] = {}
        self._due: dict[str, float] = {}

    def plan(self, name: str) -> float | None:
        """Note a death; return the pause in seconds before the process starts again, None if it does not."""
        if self._policies.get(kind_of(name)) != "always":
            return None
        now = self._clock()
        deaths = self._deaths.setdefault(name, deque())
        while deaths and now - deaths[0] > _MEMORY_S:
            deaths.popleft()
        if len(deaths) >= len(_PAUSES_S):
            return None
        pause_s = _PAUSES_S[len(deaths)]
        deaths.append(now)
        self._due[name] = now + pause_s
        return pause_s

    def take_due(self) -> list[str]:
        """Return the processes that are to be started now, each once."""
        now = self._clock()
        names = [name for name, due in self._due.items() if due <= now]
        for name in names:
            del self._due[name]
        return names


def kind_of(name: str) -> str:
    """Return what a process does: ``"motors"`` for ``"motors-2"``."""
    return name.partition("-")[0]
