"""A bounded waiting line between two threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_WAIT_S = 0.5


class Line(Generic[_Item]):
    """First in, first out, between any number of producers and one consumer.

    The consumer takes several items at a time: one lock and one wake-up for many small images.

    Parameters
    ----------
    size : int
        Most items that may be in the line or in the consumer's hands.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._share = max(1, size // 4)
        self._waiting: deque[_Item] = deque()
        self._in_hand = 0
        self._reserved = 0
        self._closed = False
        lock = threading.Lock()
        self._room = threading.Condition(lock)
        self._work = threading.Condition(lock)

    def reserve(self) -> bool:
        """Keep a place for an item; return whether there was one.

        Whoever keeps a place must `fill` or `release` it: also a closed line waits for that.

        Raises
        ------
        RuntimeError
            If the line is closed.
        """
        with self._room:
            if self._closed:
                raise RuntimeError("the line is closed: nothing can be appended any more")
            if self._is_full():
                return False
            self._reserved += 1
            return True

    def await_place(self, check: Callable[[], object] = lambda: None) -> None:
        """Keep a place as `reserve`, waiting for room; `check` is called twice a second and may give up."""
        while not self.reserve():
            check()
            with self._room:
                if self._is_full() and not self._closed:
                    self._room.wait(_WAIT_S)

    def fill(self, item: _Item) -> None:
        """Append `item` in a place that was kept."""
        with self._room:
            self._reserved -= 1
            self._waiting.append(item)
            self._work.notify()

    def release(self) -> None:
        """Give a place back that was kept."""
        with self._room:
            self._reserved -= 1
            self._room.notify_all()
            self._work.notify()

    def _is_full(self) -> bool:
        return len(self._waiting) + self._in_hand + self._reserved >= self._size

    def take(self) -> list[_Item]:
        """Wait for items and return some, oldest first; an empty list means closed and empty.

        Taking says that all items taken before are dealt with.
        """
        with self._work:
            self._in_hand = 0
            self._room.notify_all()
            while not self._waiting and not (self._closed and not self._reserved):
                self._work.wait(_WAIT_S)
            self._in_hand = min(self._share, len(self._waiting))
            return [self._waiting.popleft() for _ in range(self._in_hand)]

    def close(self) -> None:
        """Let nothing more in; the consumer still gets what is in the line."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()
