"""A lock that outlives the death of its holder."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from magscope_app import operating_system as system
from magscope_app.datatypes import layout

_TIMEOUT_S = 1.0
_LOOK_S = 0.02
_LOCK_PID, _LOCK_START = layout.LOCK_PID, layout.LOCK_START


class LockLike(Protocol):
    """What `multiprocessing` and `threading` locks have in common."""

    def acquire(self, block: bool = ..., timeout: float = ..., /) -> bool:
        """Take it, or return False after `timeout` seconds."""

    def release(self) -> None:
        """Give it back; another process may do so."""


class Guard:
    """Serialises rare changes of one buffer; never held while pixels are copied.

    A killed holder leaves a `multiprocessing.Lock` locked for ever. So the holder writes its process into the
    buffer's header, and whoever waits releases the lock of a dead one.

    Raises
    ------
    TimeoutError
        On entering, when a living process keeps the lock for more than a second.
    """

    def __init__(self, lock: LockLike, words: memoryview[int], name: str) -> None:
        self._acquire = lock.acquire
        self._release = lock.release
        self._words = words
        self._name = name
        self.forked()
        system.tell_of_forks(self)

    def forked(self) -> None:
        """Sign as this process from now on: a child that dies is not its parent, who lives on."""
        self._pid = os.getpid()
        self._start = system.process_start(self._pid)

    def take(self) -> None:
        """Take the lock, as ``with`` does but faster; follow it by ``try`` and `give_back`."""
        if not self._acquire(False):
            self._wait()
        words = self._words
        words[_LOCK_START] = self._start
        words[_LOCK_PID] = self._pid

    def give_back(self) -> None:
        """Give the lock back."""
        self._words[_LOCK_PID] = 0
        self._release()

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def _wait(self) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while not self._acquire(True, _LOOK_S):
            pid, start = self._words[_LOCK_PID], self._words[_LOCK_START]
            late = time.monotonic() > deadline
            if late and pid and system.is_alive(pid, start):
                raise TimeoutError(
                    f"the lock of {self._name} has been held by process {pid} for more than {_TIMEOUT_S:g} s:"
                    " that process is stopped or busy; end it or try again"
                )
            dead = pid != 0 and not system.is_alive(pid, start)
            # Without a name for a whole second: killed between taking the lock and signing for it.
            if (dead or late) and pid == self._words[_LOCK_PID]:
                self._words[_LOCK_PID] = 0
                with suppress(ValueError, RuntimeError):
                    self._release()
