"""What the experiment process has been told, and waiting for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from magscope_app.messages import Message

_Value = TypeVar("_Value")
#: Messages that are remembered.
_KEPT = 1000
#: Waiting is interrupted this often to look whether the protocol is to end.
_SLICE_S = 0.05


class News:
    """The messages that came in, in order; one thread adds, another waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: deque[tuple[int, Message]] = deque(maxlen=_KEPT)
        self._count = 0

    def add(self, message: Message) -> None:
        """Keep a message and wake who waits for it."""
        with self._changed:
            self._count += 1
            self._messages.append((self._count, message))
            self._changed.notify_all()

    @property
    def now(self) -> int:
        """A mark: messages after it are younger than this moment."""
        with self._changed:
            return self._count

    def wait_for(
        self,
        look: Callable[[Message], _Value | None],
        since: int,
        timeout_s: float,
        check: Callable[[], object],
    ) -> _Value | None:
        """Return the first thing that `look` finds in a message after the mark `since`.

        Parameters
        ----------
        look : callable
            Returns what it wants of a message, or None.
        since : int
            From `now`.
        timeout_s : float
            Longest wait.
        check : callable
            Called again and again meanwhile; may raise to end the wait.

        Returns
        -------
        object or None
            None after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            with self._changed:
                for count, message in self._messages:
                    if count > since and (found := look(message)) is not None:
                        return found
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, _SLICE_S))
            check()
