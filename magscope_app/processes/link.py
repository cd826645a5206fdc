"""One end of the pipe between the supervisor and a child: never blocks, never loses order."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Protocol

from magscope_app.errors import FOREIGN, MagscopeError, described
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
        #: Somebody listens already, in the loop that `beat_s` is about.
        self.is_heard = False
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._wake = threading.Condition()
        self._closing = False
        self._broken = False
        self._idle = True
        self._thread = threading.Thread(target=self._send_all, name=f"link-{name}", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Queue `message` as it is now; returns at once, also when the other end is gone.

        Raises
        ------
        MagscopeError
            It holds what no other process can be given; the text says which field.
        """
        packed = _packed(message)
        with self._wake:
            self._waiting.append(packed)
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
        TypeError
            What came is no message, or cannot be read here; the next one is as good as ever.
        """
        self.is_heard = True
        if beats:
            self.beat()
        try:
            if not self.connection.poll(timeout_s):
                return None
            packed = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise LinkClosed("the process at the other end has ended") from error
        try:
            message = ForkingPickler.loads(packed)
        except FOREIGN as error:
            raise TypeError(f"a message cannot be read here ({described(error)})") from error
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
                packed = self._waiting.popleft()
            try:
                self.connection.send_bytes(packed)
            except (OSError, ValueError):
                with self._wake:
                    self._broken = True
                    self._waiting.clear()
                    self._wake.notify_all()
                return


def _packed(message: Message) -> bytes:
    try:
        return bytes(ForkingPickler.dumps(message))
    except FOREIGN as error:
        raise MagscopeError(
            f"{type(message).__name__} cannot be sent to another process: {_culprit(message)} "
            f"({described(error)}); give plain numbers and texts"
        ) from error


def _culprit(message: Any) -> str:
    """Name the field, and what it holds, that no other process can be given."""
    for field in dataclasses.fields(message) if dataclasses.is_dataclass(message) else ():
        content = getattr(message, field.name)
        try:
            ForkingPickler.dumps(content)
        except FOREIGN:
            return f"its {field.name} is {_shown(content)}"
    return f"it is {_shown(message)}"


def _shown(content: Any) -> str:
    """Return what something looks like; what cannot even say that is named by its type."""
    try:
        return f"{content!r:.60}"
    except FOREIGN:
        return f"of the type {type(content).__name__}"
