"""Forked children: the application spawns, but what a caller forks must do no harm."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable

import pytest

from magscope_app.datatypes import MatrixBuffer, ReaderMode, Session, VideoBuffer
from tests.datatypes.conftest import LockMap
from tests.datatypes.frames_for_tests import is_whole, publish, publish_all
from tests.datatypes.test_names_and_life import SIZES, in_a_fork

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
Make = Callable[..., VideoBuffer]


def refused(use: Callable[[], object], match: str) -> Callable[[], None]:
    """Return what fails unless `use` raises a RuntimeError."""

    def run() -> None:
        with pytest.raises(RuntimeError, match=match):
            use()

    return run


def test_a_forked_child_does_not_write_what_its_parent_writes(make_video: Make) -> None:
    video = make_video(default_reader=False)
    publish_all(video, range(3))
    written_by = f"is written by process {os.getpid()}"
    slot = video.begin()
    assert slot is not None
    slot[...] = 3
    assert in_a_fork(refused(video.begin, written_by))
    assert in_a_fork(refused(video.refuse, written_by))
    assert in_a_fork(refused(lambda: video.commit(timestamp_ns=0), "without begin"))
    assert in_a_fork(video.abort)
    assert video.commit(timestamp_ns=0) == 3
    assert publish(video, 4) == 4
    assert (video.counters().acquired, video.counters().lost_ring) == (5, 0)


def test_a_forked_child_writes_when_its_parent_has_given_up(make_video: Make) -> None:
    first, second = make_video(default_reader=False), make_video(create=False)
    publish_all(second, range(2))
    second.close()
    assert in_a_fork(lambda: publish_all(first, range(2, 4)))
    assert publish(first, 4) == 4


def test_a_forked_child_does_not_read_for_its_parent(make_video: Make) -> None:
    video = make_video(default_reader=False)
    reader = video.reader("tracking", ReaderMode.LOSSLESS)
    publish_all(video, range(4))
    for use in (lambda: reader.acquire(2), lambda: reader.wait(0.0), reader.beat):
        assert in_a_fork(refused(use, "'tracking' is closed"))
    batch = reader.acquire(4)
    assert batch is not None
    assert batch.frame_ids.tolist() == [0, 1, 2, 3]
    assert is_whole(batch.frames[3], 3)


def test_the_lock_of_a_forked_child_that_died_is_taken_away(session: Session) -> None:
    locks = {name: multiprocessing.get_context("spawn").Lock() for name in ("VideoBuffer", "m")}
    video = VideoBuffer(create=True, locks=locks, **SIZES)
    matrix = MatrixBuffer(create=True, locks=locks, name="m", shape=(3, 2))
    # The child ends with the lock in its hands.
    for guard in (video._ring.guard, matrix._matrix.guard):
        assert in_a_fork(guard.take)
    video.reader("tracking", ReaderMode.LOSSLESS).close()
    matrix.write([[1.0, 2.0]])
    for buffer in (video, matrix):
        buffer.close()
        del buffer.lock
    locks.clear()


def test_a_forked_child_may_write_rows_as_any_process_may(locks: LockMap, session: Session) -> None:
    shared = {"m": multiprocessing.get_context("spawn").Lock()}
    matrix = MatrixBuffer(create=True, locks=shared, name="m", shape=(3, 2))
    matrix.write([[1.0, 1.0]])
    assert in_a_fork(lambda: matrix.write([[2.0, 2.0]]))
    matrix.write([[3.0, 3.0]])
    assert matrix.read()[:, 0].tolist() == [1.0, 2.0, 3.0]
    matrix.close()
    del matrix.lock
    shared.clear()


def test_a_forked_child_does_not_wait_for_a_thread_of_its_parents(make_video: Make) -> None:
    video = make_video(default_reader=False)

    def write() -> None:
        # Ends the child if it waits.
        signal.alarm(20)
        video.write_timestamp(1.0)

    with video._writer.turn:
        assert in_a_fork(write)
    assert video.counters().acquired == 1
