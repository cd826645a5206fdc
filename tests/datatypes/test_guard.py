"""The lock of a buffer: whose it is, and when it is taken away."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import Session, layout
from magscope_app.datatypes import guard as module
from magscope_app.datatypes.guard import Guard


class Taken:
    """A lock that somebody has; who waits for it for too long is told so."""

    def __init__(self) -> None:
        self.taken, self.looks = True, 0

    def acquire(self, _block: bool = True, _timeout: float = -1.0, /) -> bool:
        self.looks += 1
        assert self.looks < 10_000, "nobody takes the lock away"
        if self.taken:
            time.sleep(0.0005)
            return False
        self.taken = True
        return True

    def release(self) -> None:
        self.taken = False


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> memoryview[int]:
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.005)
    return memoryview(bytearray(layout.PAGE)).cast("Q")


@pytest.fixture
def other() -> Iterator[subprocess.Popen[Any]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def sign(words: memoryview[int], pid: int) -> None:
    words[layout.LOCK_PID], words[layout.LOCK_START] = pid, system.process_start(pid)


def test_a_lock_that_nobody_signed_for_is_taken_away_after_its_time(words: memoryview[int]) -> None:
    lock = Taken()
    with Guard(lock, words, "m"):
        assert words[layout.LOCK_PID] == os.getpid()
    # Not at once: who has just taken it is about to sign.
    assert lock.looks > 2
    assert not lock.taken
    assert words[layout.LOCK_PID] == 0


def test_who_was_taken_for_dead_gives_nothing_back_that_another_has_signed_for(
    words: memoryview[int], other: subprocess.Popen[Any]
) -> None:
    lock = Taken()
    lock.taken = False
    guard = Guard(lock, words, "m")
    guard.take()
    sign(words, other.pid)
    guard.give_back()
    assert lock.taken
    assert words[layout.LOCK_PID] == other.pid


def test_a_lock_that_was_released_by_another_is_given_back_without_an_error(words: memoryview[int]) -> None:
    lock = multiprocessing.get_context("spawn").Lock()
    with Guard(lock, words, "m"):
        lock.release()
    assert words[layout.LOCK_PID] == 0
    assert lock.acquire(False)


def test_the_time_of_a_lock_without_a_name_begins_anew_with_every_holder(
    words: memoryview[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the third look another one than before has taken it, and is about to sign."""

    class Stepping(Taken):
        taken_away_at = 0

        def acquire(self, _block: bool = True, _timeout: float = -1.0, /) -> bool:
            if self.taken:
                self.looks += 1
                words[layout.LOCK_PID] = os.getpid() if self.looks == 3 else 0
                return False
            return True

        def release(self) -> None:
            self.taken_away_at = self.looks
            super().release()

    lock = Stepping()
    # Each look takes 2 ms, and the time is 5 ms; the first one looks without waiting.
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.002 * lock.looks))
    words[layout.LOCK_START] = system.process_start(os.getpid())
    Guard(lock, words, "m").take()
    assert lock.taken_away_at == 7


def test_a_living_holder_keeps_its_lock_and_a_dead_one_does_not(
    words: memoryview[int], other: subprocess.Popen[Any]
) -> None:
    lock = Taken()
    sign(words, other.pid)
    with pytest.raises(TimeoutError, match=f"held by process {other.pid}"):
        Guard(lock, words, "m").take()
    assert lock.taken
    other.kill()
    other.wait(10)
    before = lock.looks
    with Guard(lock, words, "m"):
        assert words[layout.LOCK_PID] == os.getpid()
    assert lock.looks == before + 3


class Counted(Taken):
    """Counts how often it was released."""

    def __init__(self) -> None:
        super().__init__()
        self.releases = 0

    def release(self) -> None:
        self.releases += 1
        super().release()


def test_of_two_who_wait_for_a_dead_holder_only_one_takes_the_lock_away(
    words: memoryview[int], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Counted()
    words[layout.LOCK_PID], words[layout.LOCK_START] = 2**22 + 5, 1
    slow, fast = (Guard(lock, words, "m", session) for _ in range(2))
    at_file: list[int] = []
    try_to_lock = system._try_to_lock

    def another_was_there(descriptor: int) -> bool:
        at_file.append(descriptor)
        if len(at_file) == 1:
            fast.take()
        return try_to_lock(descriptor)

    monkeypatch.setattr(system, "_try_to_lock", another_was_there)
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.1)
    with pytest.raises(TimeoutError, match=f"held by process {os.getpid()}"):
        slow.take()
    assert lock.taken
    assert lock.releases == 1
    fast.give_back()


def test_the_lock_of_a_dead_holder_is_waited_for_while_the_file_is_locked(
    words: memoryview[int], session: Session
) -> None:
    lock = Counted()
    words[layout.LOCK_PID], words[layout.LOCK_START] = 2**22 + 5, 1
    with system.file_lock(session.path, 1.0), pytest.raises(TimeoutError, match="session"):
        Guard(lock, words, "m", session).take()
    assert lock.releases == 0
    session.close()
    with Guard(lock, words, "m", session):
        assert lock.releases == 1


def test_a_lock_that_a_killed_holder_had_given_back_is_nobodys_to_release(words: memoryview[int]) -> None:
    lock, looks = threading.Lock(), list[bool]()

    class GivenBack:
        """Free by the time that it is taken away."""

        def acquire(self, _block: bool = True, _timeout: float = -1.0, /) -> bool:
            looks.append(len(looks) > 1)
            return looks[-1] and lock.acquire(False)

        def release(self) -> None:
            lock.release()

    words[layout.LOCK_PID], words[layout.LOCK_START] = 2**22 + 5, 1
    with Guard(GivenBack(), words, "m"):
        assert lock.locked()
    assert not lock.locked()
