"""A lock that outlives the death of its holder."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.lock_users import LockUsers
from magscope_app.datatypes.session import Session

_TIMEOUT_S = 1.0
_LOOK_S = 0.02
_HOLDER = layout.LOCK_HOLDER
#: No number of a process, nor the 0 of a lock without a signature.
_NOBODY = -1


class LockLike(Protocol):
    """What `multiprocessing` and `threading` locks have in common."""

    def acquire(self, block: bool = ..., timeout: float = ..., /) -> bool:
        """Take it, or return False after `timeout` seconds."""

    def release(self) -> None:
        """Give it back; another process may do so."""


class Guard:
    """Serialises rare changes of one buffer; never held while pixels are copied.

    A killed holder leaves a `multiprocessing.Lock` locked for ever. So the holder signs in the buffer's
    header, and whoever waits releases the lock of a dead one: one after the other, under the lock of the
    session's file, so that nobody releases it again when a living one has it already.

    A lock may be held without a signature: by a process between taking and signing, or by whoever takes the
    buffer's `lock` itself. After a second it is taken away if a process that uses the buffer has died since
    the lock was last seen free by one that joined; else its holder lives and keeps it. That is the one case
    in which a living holder may lose the lock: it has not signed for a second, and another has died. It then
    goes on beside the next one, and gives nothing back that is not its own.

    Raises
    ------
    TimeoutError
        On entering, when a living process keeps the lock, or that of the session's file, for more than a
        second.
    """

    def __init__(
        self, lock: LockLike, words: memoryview[int], name: str, session: Session | None = None
    ) -> None:
        self._lock = lock
        self._release = lock.release
        self._words = words
        self._name = name
        self._users = LockUsers(words, name, session)
        self._join()
        system.tell_of_forks(self)

    def _join(self) -> None:
        self._acquire = self._lock.acquire
        with self._users.alone(_TIMEOUT_S):
            # In the list before it takes the lock. Who gets it then knows that no dead one has it.
            self._mine = self._users.enter()
            if self._acquire(False):
                try:
                    self._users.forget_dead()
                finally:
                    self._release()

    def forked(self) -> None:
        """Sign as this process from now on: a child that dies is not its parent, who lives on."""
        # At its first use, because it waits for the session's file: a child that uses no buffer need not.
        self._mine = _NOBODY
        self._acquire = self._first_acquire

    def _first_acquire(self, block: bool = True, timeout: float = -1.0, /) -> bool:
        self._join()
        return self._acquire(block, timeout)

    def take(self) -> None:
        """Take the lock, as ``with`` does but faster; follow it by ``try`` and `give_back`."""
        if not self._acquire(False):
            self._wait()
        self._words[_HOLDER] = self._mine

    def give_back(self) -> None:
        """Give the lock back, unless it was taken away and another has signed for it since."""
        words = self._words
        if words[_HOLDER] == self._mine:
            words[_HOLDER] = 0
            self._release()

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def _state(self) -> tuple[int, int]:
        return self._words[_HOLDER], self._words[layout.LOCK_TAKEN_AWAY]

    def _wait(self) -> None:
        since = began = time.monotonic()
        state = self._state()
        while not self._acquire(True, _LOOK_S):
            now, before, state = time.monotonic(), state, self._state()
            if state != before:
                since = now
            holder = state[0]
            silent = not holder and now - since > _TIMEOUT_S
            if (holder and not self._users.lives(holder)) or (silent and self._users.has_dead()):
                self._take_away(state)
            elif now - began > _TIMEOUT_S and (holder or silent):
                raise TimeoutError(self._who_holds(holder))

    def _who_holds(self, holder: int) -> str:
        who = (
            f"process {self._users.pid(holder)}" if holder else "a living process that has not signed for it"
        )
        return (
            f"the lock of {self._name} has been held by {who} for more than {_TIMEOUT_S:g} s:"
            " that process is stopped or busy; end it or try again"
        )

    def _take_away(self, state: tuple[int, int]) -> None:
        """Release the lock in place of a dead holder, unless another who waits has done so meanwhile."""
        with self._users.alone(_TIMEOUT_S):
            if self._state() == state:
                self._words[layout.LOCK_TAKEN_AWAY] += 1
                self._words[_HOLDER] = 0
                self._users.forget_dead()
                # Nobody had it: its holder was killed after giving it back.
                with suppress(ValueError, RuntimeError):
                    self._release()
