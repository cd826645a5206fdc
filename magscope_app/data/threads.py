"""Waiting for threads."""

from __future__ import annotations

import threading
import time

_TICK_S = 0.5


def await_end(thread: threading.Thread, timeout_s: float) -> bool:
    """Wait for the end of a thread and return whether it has come.

    Parameters
    ----------
    thread : threading.Thread
        One that was started.
    timeout_s : float
        At most so long; ``math.inf``, which `threading.Thread.join` does not take, is for ever.
    """
    deadline = time.monotonic() + timeout_s
    while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
        thread.join(min(left, _TICK_S))
    return not thread.is_alive()
