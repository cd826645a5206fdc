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

    def offer(self, item: _Item, *, reserved: bool = False) -> bool:
        """Append `item` if there is room, as there is in a `reserved` place; return whether there was."""
        with self._room:
            self._reserved -= reserved
            if self._closed:
                raise RuntimeError("the line is closed: nothing can be appended any more")
            if self._is_full():
                return False
            self._waiting.append(item)
            self._work.notify()
            return True

    def reserve(self) -> bool:
        """Keep a place for an item that is going to be appended; return whether there was one."""
        with self._room:
            if self._is_full():
                return False
            self._reserved += 1
            return True

    def release(self, *, reserved: bool) -> None:
        """Give a reserved place back; nothing if there was none."""
        with self._room:
            self._reserved -= reserved
            self._room.notify_all()

    def append(
        self,
        item: _Item,
        patience: Callable[[], Callable[[], None]] | None = None,
        *,
        reserved: bool = False,
    ) -> None:
        """Append `item`, waiting for room.

        Parameters
        ----------
        item : object
            What is to be appended.
        patience : callable, optional
            Called when a wait begins; what it returns is called twice a second and may raise to give up.
        reserved : bool
            Use a place that `reserve` has kept.
        """
        if self.offer(item, reserved=reserved):
            return
        check = patience() if patience is not None else None
        while not self.offer(item):
            if check is not None:
                check()
            with self._room:
                if self._is_full() and not self._closed:
                    self._room.wait(_WAIT_S)

    def _is_full(self) -> bool:
        return len(self._waiting) + self._in_hand + self._reserved >= self._size

    def take(self) -> list[_Item]:
        """Wait for items and return some, oldest first; an empty list means closed and empty.

        Taking says that all items taken before are dealt with.
        """
        with self._work:
            self._in_hand = 0
            self._room.notify_all()
            while not self._waiting and not self._closed:
                self._work.wait(_WAIT_S)
            self._in_hand = min(self._share, len(self._waiting))
            return [self._waiting.popleft() for _ in range(self._in_hand)]

    def close(self) -> None:
        """Let nothing more in; the consumer still gets what is in the line."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()
