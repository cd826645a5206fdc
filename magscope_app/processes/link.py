"""One end of the pipe between the supervisor and a child: never blocks, never loses order."""

from __future__ import annotations

import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from typing import Protocol

from magscope_app.messages import Heartbeat, Message

#: Messages that may wait for a neighbour that does not read; older ones are dropped beyond that.
MAX_WAITING = 10_000


class Messenger(Protocol):
    """What passes messages to the supervisor and from it."""

    def send(self, message: Message) -> None:
        """Say something; returns at once."""

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        """Return the next message, or None when none arrives within `timeout_s`."""


class LinkClosed(Exception):
    """The process at the other end is gone."""


class Link:
    """Send and receive messages without ever waiting for the process at the other end.

    A thread does the sending, so that a neighbour that is stopped or slow cannot hold this process.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
        This end of a duplex pipe; closed by `close`.
    name : str
        Names the sending thread.
    beat_s : float, optional
        Whoever calls `receive` in a loop lets the other end know so often that the loop turns.
    """

    def __init__(self, connection: Connection, name: str, beat_s: float | None = None) -> None:
        self.connection = connection
        self._beat_s = beat_s
        self._beat_due = time.monotonic()
        self._waiting: deque[Message] = deque(maxlen=MAX_WAITING)
        self._wake = threading.Condition()
        self._closing = False
        self._broken = False
        self._idle = True
        self._thread = threading.Thread(target=self._send_all, name=f"link-{name}", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Queue `message`; returns at once, also when the other end is gone."""
        with self._wake:
            self._waiting.append(message)
            self._wake.notify()

    def beat(self) -> None:
        """Let the other end know that this process lives, if it is time for that."""
        if self._beat_s is not None and time.monotonic() >= self._beat_due:
            self._beat_due = time.monotonic() + self._beat_s
            self.send(Heartbeat())

    def receive(self, timeout_s: float = 0.0, *, beats: bool = True) -> Message | None:
        """Return the next message, or None when none arrives within `timeout_s`.

        Parameters
        ----------
        timeout_s : float
            Longest wait.
        beats : bool
            False where another thread gives the signs of life.

        Raises
        ------
        LinkClosed
            The process at the other end has ended.
        """
        if beats:
            self.beat()
        try:
            if not self.connection.poll(timeout_s):
                return None
            message = self.connection.recv()
        except (EOFError, OSError) as error:
            raise LinkClosed("the process at the other end has ended") from error
        if not isinstance(message, Message):
            raise TypeError(f"a pipe carried {type(message).__name__}, which is no message")
        return message

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued is sent; False when that takes longer than `timeout_s`."""
        with self._wake:
            return self._wake.wait_for(lambda: self._broken or (self._idle and not self._waiting), timeout_s)

    def close(self, timeout_s: float = 0.5) -> None:
        """Send what is queued, as far as `timeout_s` allows, and close the pipe."""
        self.flush(timeout_s)
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        self.connection.close()

    def _send_all(self) -> None:
        while True:
            with self._wake:
                self._idle = True
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                self._idle = False
                message = self._waiting.popleft()
            try:
                self.connection.send(message)
            except (OSError, ValueError):
                with self._wake:
                    self._broken = True
                    self._waiting.clear()
                    self._wake.notify_all()
                return
