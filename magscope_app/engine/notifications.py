"""What the engine tells everyone who asks to be told."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from magscope_app.data.coordinates import DataCoordinates
from magscope_app.data.item import attempt
from magscope_app.data.threads import await_end

if TYPE_CHECKING:
    from magscope_app.engine.events import ExecutorEvent

_log = logging.getLogger(__name__)
_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class EventExecuted:
    """An event has ended; `exception` is what it raised or why it gave no result, None if all went well."""

    event: ExecutorEvent
    exception: BaseException | None


@dataclass(frozen=True, slots=True)
class DataAcquired:
    """An event has handed data to its data handler."""

    event: ExecutorEvent
    coordinates: DataCoordinates


@dataclass(frozen=True, slots=True)
class DataStored:
    """Data that an event has produced are in the storage."""

    event: ExecutorEvent
    coordinates: DataCoordinates


Notification: TypeAlias = EventExecuted | DataAcquired | DataStored
Subscriber: TypeAlias = Callable[[Notification], object]


class Notifier:
    """Call subscribers, in the order in which things happened, on a thread of its own.

    So a slow subscriber holds up neither events nor data. At most `most_waiting` notifications wait for
    subscribers; further ones are left out, counted in `dropped` and mentioned in the log.

    Parameters
    ----------
    most_waiting : int
        Length of the waiting line.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._waiting: deque[Notification] = deque()
        self._subscribers: dict[object, tuple[Subscriber, tuple[type[Notification], ...]]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failed: set[object] = set()
        self.dropped = 0

    def subscribe(self, subscriber: Subscriber, kinds: tuple[type[Notification], ...]) -> Callable[[], None]:
        """Call `subscriber` with every notification of these kinds (all, if none are given).

        Returns
        -------
        callable
            Ends the subscription; calling it again does nothing.
        """
        token = object()
        with self._changed:
            self._subscribers[token] = (subscriber, kinds)

        def unsubscribe() -> None:
            with self._changed:
                self._subscribers.pop(token, None)
                self._failed.discard(token)

        return unsubscribe

    def publish(self, notification: Notification) -> None:
        """Put a notification into the waiting line; does not wait."""
        with self._changed:
            if not self._subscribers or self._closed:
                return
            full = len(self._waiting) >= self._most_waiting
            self.dropped += full
            first_dropped = full and self.dropped == 1
            if not full:
                self._waiting.append(notification)
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._call_all, name="engine-notifier", daemon=True)
                self._thread.start()
        if first_dropped:
            _log.warning("subscribers of the engine are too slow: notifications are being left out")

    def close(self, timeout_s: float) -> None:
        """Call subscribers with what waits, for a limited time, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            await_end(self._thread, timeout_s)

    def _call_all(self) -> None:
        while (batch := self._take()) is not None:
            for notification, subscribers in batch:
                for token, subscriber in subscribers:
                    if (error := attempt(subscriber, notification)) is not None:
                        self._say_once(token, notification, error)

    def _say_once(self, token: object, notification: Notification, error: BaseException) -> None:
        """Log that a subscriber failed: mostly it fails always, and thousands of lines would hide others."""
        with self._changed:
            is_first = token in self._subscribers and token not in self._failed
            if is_first:
                self._failed.add(token)
        if is_first:
            said = "a subscriber failed at %s, and is called further without saying so again: %r"
            _log.error(said, type(notification).__name__, error)

    def _take(self) -> list[tuple[Notification, list[tuple[object, Subscriber]]]] | None:
        """Wait for notifications and return them with those who want them; None at the end."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait(_WAIT_S)
            if not self._waiting:
                return None
            batch = [
                (
                    one,
                    [
                        (token, call)
                        for token, (call, kinds) in self._subscribers.items()
                        if not kinds or type(one) in kinds
                    ],
                )
                for one in self._waiting
            ]
            self._waiting.clear()
            return batch
