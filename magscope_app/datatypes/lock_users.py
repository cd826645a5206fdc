"""The processes that may hold the lock of a buffer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.session import Session

_NUMBERS = range(1, layout.MAX_LOCK_USERS + 1)


class LockUsers:
    """Numbers the processes that have a handle of a buffer, from 1, so that the holder signs with one word.

    Of a lock that nobody signed for it tells, too, whether a dead process may hold it: one that is still in
    the list. Dead ones are taken out only where the lock is known not to be theirs.
    """

    def __init__(self, words: memoryview[int], name: str, session: Session | None) -> None:
        self._words = words
        self._name = name
        self._session = session

    def enter(self) -> int:
        """Return the number of this process, which it gets when it has none; call it `alone`.

        Raises
        ------
        RuntimeError
            When too many living processes use the buffer.
        """
        words, pid = self._words, os.getpid()
        start = system.process_start(pid)
        for number in _NUMBERS:
            place = self._place(number)
            if (words[place], words[place + 1]) == (pid, start):
                return number
        return self._new(pid, start)

    def _new(self, pid: int, start: int) -> int:
        words = self._words
        free = next((number for number in _NUMBERS if not self.pid(number)), 0)
        left = (n for n in _NUMBERS if not self.lives(n) and n != words[layout.LOCK_HOLDER])
        number = free or next(left, 0)
        if not number:
            raise RuntimeError(
                f"{self._name} is used by {layout.MAX_LOCK_USERS} processes already: end one of them first"
            )
        place = self._place(number)
        words[place] = 0
        words[place + 1] = start
        words[place] = pid
        return number

    def pid(self, number: int) -> int:
        """Return the process of a number; 0 for none."""
        return self._words[self._place(number)]

    def lives(self, number: int) -> bool:
        """Say whether the process of a number runs."""
        pid = self.pid(number)
        return pid != 0 and system.is_alive(pid, self._words[self._place(number) + 1])

    def has_dead(self) -> bool:
        """Say whether a process has died that may have the lock."""
        return any(self.pid(number) and not self.lives(number) for number in _NUMBERS)

    def forget_dead(self) -> None:
        """Take the dead ones out of the list; call it alone, when none of them has the lock."""
        for number in _NUMBERS:
            if self.pid(number) and not self.lives(number):
                self._words[self._place(number)] = 0

    @contextmanager
    def alone(self, timeout_s: float) -> Iterator[None]:
        """Keep others who wait from taking the lock away; of a session that has ended nobody is left to."""
        with ExitStack() as stack:
            if self._session is not None:
                with suppress(FileNotFoundError):
                    stack.enter_context(system.file_lock(self._session.path, timeout_s))
            yield

    @staticmethod
    def _place(number: int) -> int:
        return layout.LOCK_USERS + (number - 1) * layout.LOCK_USER_WORDS
