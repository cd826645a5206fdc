"""The thread that stops one axis, so that a driver whose stop waits holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stopper:
    """Calls a function from a thread of its own whenever it is asked to.

    Some controllers answer one caller at a time, and a stop waits for the end of a move. The other axes
    stop meanwhile, and messages are taken.

    Parameters
    ----------
    name : str
        Of the axis.
    stop : callable
        Stops it; raises nothing.
    """

    def __init__(self, name: str, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._news = threading.Condition()
        self._asked = self._done = 0
        self._ending = False
        self._thread = threading.Thread(target=self._work, name=f"stop-{name}", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have the axis stopped; returns at once. A stop that has begun already does not count."""
        with self._news:
            self._asked += 1
            self._news.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Return True once everything that was asked for is done, False after `timeout_s`."""
        with self._news:
            asked = self._asked
            return self._news.wait_for(lambda: self._done >= asked, timeout_s)

    def end(self) -> None:
        """Let the thread end after what was asked for."""
        with self._news:
            self._ending = True
            self._news.notify_all()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._asked > self._done or self._ending)
                if self._asked == self._done:
                    return
                asked = self._asked
            self._stop()
            with self._news:
                self._done = asked
                self._news.notify_all()
