"""Sessions that buffers begin and end by themselves, and whose file says what."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import (
    MatrixBuffer,
    Session,
    SharedMemoryFullError,
    reap_dead_sessions,
    session_file,
)
from magscope_app.datatypes import session as sessions
from tests.datatypes.conftest import LockMap


def matrix(locks: LockMap, name: str = "m", session: str | None = None) -> MatrixBuffer:
    return MatrixBuffer(create=True, locks={name: locks["m"]}, name=name, shape=(5, 1), session=session)


def in_thread(make: Callable[[], MatrixBuffer]) -> tuple[threading.Thread, list[MatrixBuffer]]:
    made: list[MatrixBuffer] = []
    thread = threading.Thread(target=lambda: made.append(make()))
    thread.start()
    return thread, made


def current() -> Session:
    session = Session.current()
    assert session is not None
    return session


def is_nothing_left() -> bool:
    return list(system.runtime_folder().iterdir()) == [] and sessions.ENVIRONMENT_VARIABLE not in os.environ


def test_a_name_made_again_while_it_is_being_removed_is_in_a_session(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, remove = matrix(locks), system.unlink_segment
    begun: list[tuple[threading.Thread, list[MatrixBuffer]]] = []

    def remove_late(name: str, **how: Any) -> bool:
        removed = remove(name, **how)
        if not begun:
            begun.append(in_thread(lambda: matrix(locks)))
            begun[0][0].join(0.1)
        return removed

    monkeypatch.setattr(system, "unlink_segment", remove_late)
    monkeypatch.setattr(sessions, "_REMOVE_TIMEOUT_S", 60.0)
    first.close()
    thread, made = begun[0]
    thread.join(60)
    [again] = made
    found = session_file.read(current().path)
    assert found is not None
    assert found.segments == (current().segment_name("m"),)
    MatrixBuffer(create=False, locks=locks, name="m").close()
    again.close()
    assert is_nothing_left()


def test_the_first_buffers_of_two_threads_are_in_one_session(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, reap = threading.Barrier(2), sessions.reap_dead_sessions

    def reap_at_a_time() -> tuple[str, ...]:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.1)
        return reap()

    monkeypatch.setattr(sessions, "reap_dead_sessions", reap_at_a_time)
    threads = [in_thread(lambda: matrix(locks, "m")), in_thread(lambda: matrix(locks, "n"))]
    for thread, _ in threads:
        thread.join(60)
    assert len(list(system.runtime_folder().iterdir())) == 1
    for name, (_, made) in zip("mn", threads, strict=True):
        MatrixBuffer(create=False, locks={name: locks["m"]}, name=name).close()
        made[0].close()
    assert is_nothing_left()


def test_a_session_goes_with_its_last_buffer_whoever_made_that(locks: LockMap) -> None:
    first = matrix(locks)
    second = matrix(locks, "n", current().prefix)
    first.close()
    assert current().runs()
    second.close()
    assert is_nothing_left()


def test_a_session_goes_with_its_last_buffer_although_another_looks_at_that_moment(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_REMOVE_TIMEOUT_S", 60.0)
    buffer = matrix(locks)
    closing = threading.Thread(target=buffer.close)
    with system.file_lock(current().path, 1.0):
        closing.start()
        time.sleep(0.05)
    closing.join(60)
    assert is_nothing_left()


@pytest.mark.parametrize(
    ("error", "told"), [(errno.ENOSPC, SharedMemoryFullError), (errno.EACCES, PermissionError)]
)
def test_a_session_goes_with_its_first_buffer_when_that_cannot_be_made(
    locks: LockMap, monkeypatch: pytest.MonkeyPatch, error: int, told: type[Exception]
) -> None:
    def refused(_name: str, _nbytes: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(system, "create_segment", refused)
    with pytest.raises(told):
        matrix(locks)
    assert is_nothing_left()


def test_a_session_that_somebody_began_stays_without_buffers(session: Session, locks: LockMap) -> None:
    matrix(locks).close()
    assert session.runs()
    other = Session.create()
    session.close()
    # Only its own.
    assert current() == other
    other.close()
    assert is_nothing_left()


def test_a_torn_last_line_does_not_swallow_the_next(session: Session, locks: LockMap) -> None:
    with session.path.open("a", encoding="utf-8") as file:
        file.write('{"segme')
    buffer = matrix(locks)
    found = session_file.read(session.path)
    assert found is not None
    assert found.segments == (session.segment_name("m"),)
    buffer.close()


def test_a_process_that_got_the_number_of_a_dead_owner_is_another(session: Session) -> None:
    dead = Session("ms0000cc").path
    owner = {"pid": os.getpid(), "start": system.process_start(os.getpid()) - 1, "implicit": False}
    dead.write_text(json.dumps(owner) + "\n", encoding="utf-8")
    reap_dead_sessions()
    assert not dead.exists()
    assert session.path.exists()
