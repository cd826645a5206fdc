"""How long a run has acquired, with a camera that dies and comes back."""

from __future__ import annotations

import time

from magscope_app.clock import WallAnchor
from magscope_app.processes.acquired_time import AcquiredTime

_STRETCH_S = 0.05


def test_only_the_time_in_which_frames_come_counts() -> None:
    acquired = AcquiredTime(WallAnchor.measure())
    acquired.on_death()
    assert (acquired.seconds, acquired.first_ns) == (0.0, None)
    began = time.perf_counter()
    used = 0.0
    firsts = set()
    for _ in range(3):
        acquired.on_first_frame()
        firsts.add(acquired.first_ns)
        here = time.perf_counter()
        time.sleep(_STRETCH_S)
        acquired.on_death()
        used += time.perf_counter() - here
        # One that dies again before its first frame adds nothing.
        time.sleep(_STRETCH_S)
        acquired.on_death()
    # That of the run stays the first.
    assert len(firsts) == 1
    assert 3 * _STRETCH_S <= acquired.seconds <= used + 0.01 < time.perf_counter() - began
    acquired.on_first_frame()
    before = acquired.seconds
    acquired.on_stopped(2.0)
    acquired.on_death()
    assert acquired.seconds == before + 2.0
