"""A lock that outlives the death of its holder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Protocol

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.session import Session

logger = logging.getLogger("magscope_app.datatypes")

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
    buffer's header, and whoever waits releases the lock of a dead one: one after the other, under the lock of
    the session's file, so that nobody releases it again when a living one has it already.

    Whoever has not signed for a second is taken for dead: killed between taking the lock and signing, or in a
    buffer of this name that was made again since. A living one that stands still just there, or holds the
    buffer's `lock` by itself for longer, then goes on beside the next holder; the lock is given back once.

    Raises
    ------
    TimeoutError
        On entering, when a living process keeps the lock, or that of the session's file, for more than a
        second.
    """

    def __init__(
        self, lock: LockLike, words: memoryview[int], name: str, session: Session | None = None
    ) -> None:
        self._acquire = lock.acquire
        self._release = lock.release
        self._words = words
        self._name = name
        self._session = session
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
        """Give the lock back, unless it was taken away and another has signed for it since."""
        words = self._words
        if words[_LOCK_PID] != self._pid:
            return
        words[_LOCK_PID] = 0
        try:
            self._release()
        except (ValueError, RuntimeError) as error:
            # One that was taken for dead has released it before: what was done under it is done.
            logger.debug("the lock of %s was free already: %s", self._name, error)

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def _holder(self) -> tuple[int, int, int]:
        return self._words[_LOCK_PID], self._words[_LOCK_START], self._words[layout.LOCK_TAKEN_AWAY]

    def _wait(self) -> None:
        since = began = time.monotonic()
        holder = self._holder()
        while not self._acquire(True, _LOOK_S):
            now, before, holder = time.monotonic(), holder, self._holder()
            if holder != before:
                since = now
            pid, start, _ = holder
            lives = pid != 0 and system.is_alive(pid, start)
            if lives and now - began > _TIMEOUT_S:
                raise TimeoutError(
                    f"the lock of {self._name} has been held by process {pid} for more than {_TIMEOUT_S:g} s:"
                    " that process is stopped or busy; end it or try again"
                )
            # Without a name for a whole second: killed between taking the lock and signing for it.
            if not lives and (pid or now - since > _TIMEOUT_S):
                self._take_away(holder)

    def _take_away(self, holder: tuple[int, int, int]) -> None:
        """Release the lock in place of a dead holder, unless another who waits has done so meanwhile."""
        with self._alone():
            if self._holder() == holder:
                self._words[layout.LOCK_TAKEN_AWAY] += 1
                self._words[_LOCK_PID] = 0
                # Nobody had it: its holder was killed after giving it back.
                with suppress(ValueError, RuntimeError):
                    self._release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others who wait from taking the lock away; of a session that has ended nobody is left to."""
        with ExitStack() as stack:
            if self._session is not None:
                with suppress(FileNotFoundError):
                    stack.enter_context(system.file_lock(self._session.path, _TIMEOUT_S))
            yield
