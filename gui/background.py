"""Work that must not run on the Qt thread: files, above all. Results come back with the next tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from magscope_app.errors import MagscopeError

_T = TypeVar("_T")


class Background:
    """One thread that does one thing after the other.

    Parameters
    ----------
    tell : callable
        Called on the Qt thread with the sentence of an error.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._pool = ThreadPoolExecutor(1, "magscope-window")
        self._waiting: deque[tuple[Future[Any], Callable[[Any], None]]] = deque()

    def run(self, work: Callable[[], _T], then: Callable[[_T], None]) -> None:
        """Do `work` on the thread; `then` gets its result on the Qt thread."""
        self._waiting.append((self._pool.submit(work), then))

    def deliver(self) -> None:
        """Hand over what is finished; called by every tick."""
        while self._waiting and self._waiting[0][0].done():
            future, then = self._waiting.popleft()
            try:
                result = future.result()
            except (MagscopeError, OSError, ValueError) as error:
                self._tell(str(error))
            else:
                then(result)

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown(wait=True)
