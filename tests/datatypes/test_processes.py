"""Several processes on one ring, some of them killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnContext

import numpy as np
import pytest

from magscope_app.datatypes import MatrixBuffer, ReaderMode, Session, VideoBuffer, make_wakes
from tests.datatypes import processes_for_tests as run
from tests.datatypes.frames_for_tests import LONG_S, eventually, is_whole, publish, publish_all
from tests.datatypes.processes_for_tests import Shared, answer, child

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")


@pytest.fixture
def context() -> SpawnContext:
    return multiprocessing.get_context("spawn")


@pytest.fixture
def shared(context: SpawnContext, session: Session) -> Iterator[Shared]:
    """Return what every process needs to attach."""
    locks = {"VideoBuffer": context.Lock(), "m": context.Lock()}
    wakes = make_wakes(context, {"VideoBuffer": ["tracking"], "m": ["recording"]})
    made: Shared = {"locks": locks, "wakes": wakes}
    yield made
    # pytest keeps the dictionary longer than the test: a semaphore that lives has a name in the system.
    made.clear()
    locks.clear()
    wakes.clear()


@pytest.fixture
def video(shared: Shared) -> Iterator[Callable[..., VideoBuffer]]:
    made: list[VideoBuffer] = []

    def make(**changes: object) -> VideoBuffer:
        # A computer that stands still for a second must not end the pin of a lossless reader.
        held: dict[str, object] = {"default_reader": False, "pin_timeout_s": 1e6}
        sizes = {"n_stacks": 8, "n_images": 2, "width": 40, "height": 30, "bits": 16, **held}
        made.append(VideoBuffer(create=True, **shared, **{**sizes, **changes}))  # type: ignore[arg-type]  # mixed
        return made[-1]

    yield make
    while made:
        buffer = made.pop()
        buffer.close()
        del buffer.lock


def test_a_lossless_reader_in_another_process_gets_everything_in_order(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video()
    with child(context, run.read_until_told, shared, "tracking", ReaderMode.LOSSLESS) as (_, pipe):
        answer(pipe)
        sent = 0
        while sent < 400:
            if publish(ring, sent) is not None:
                sent += 1
            else:
                ring.begin_run()
                time.sleep(0.001)
        assert eventually(lambda: ring.reader_counters("tracking").cursor >= 400)
        pipe.send("stop")
        got, lost, cursor, wrong, ascending = answer(pipe)
    assert (got, lost, cursor, wrong, ascending) == (400, 0, 400, 0, True)


def test_a_lapped_reader_never_returns_a_torn_frame(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video(n_stacks=1, width=400, height=300)
    gui = ring.reader("gui", ReaderMode.NEWEST)
    with (
        child(context, run.read_until_told, shared, "display", ReaderMode.OVERWRITE) as (_, pipe),
        child(context, run.write_for_ever, shared, 0.0) as (writer, writing),
    ):
        answer(pipe)
        answer(writing)
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < 1.0 or not ring.reader_counters("display").got:
            assert seconds < LONG_S
            frame = gui.newest()
            assert frame is None or is_whole(frame.pixels, frame.frame_id)
        writer.kill()
        writer.join(10)
        pipe.send("stop")
        got, lost, cursor, wrong, ascending = answer(pipe)
    assert (wrong, ascending) == (0, True)
    assert got + lost == cursor
    assert got > 0
    assert ring.counters().lost_ring == 0


def test_a_killed_lossless_reader_holds_nothing_back_and_is_succeeded(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video(pin_timeout_s=1000.0)
    with child(context, run.hold_a_batch, shared) as (process, pipe):
        assert eventually(lambda: ring.counters().readers)
        publish_all(ring, range(16))
        assert answer(pipe)[0] == 0
        assert publish(ring, 16) is None
        process.kill()
        process.join(10)
        assert publish(ring, 17) == 17
    successor = ring.reader("tracking", ReaderMode.LOSSLESS)
    batch = successor.acquire(100)
    assert batch is not None
    batch.release()
    counters = successor.counters
    assert counters.got + counters.lost == counters.cursor
    assert counters.lost == sum(gap.count for gap in ring.ledger() if gap.where == "tracking")
    assert (ring.counters().acquired, ring.counters().lost_ring) == (17, 1)


def test_a_stopped_reader_loses_its_pin_and_goes_on_later(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video(pin_timeout_s=0.3)
    with child(context, run.read_until_told, shared, "tracking", ReaderMode.LOSSLESS) as (_, pipe):
        pid = answer(pipe)
        os.kill(pid, signal.SIGSTOP)
        publish_all(ring, range(16))
        time.sleep(0.4)
        assert publish(ring, 16) is not None
        publish_all(ring, range(17, 40))
        os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: ring.reader_counters("tracking").position >= 40)
        pipe.send("stop")
        got, lost, cursor, wrong, ascending = answer(pipe)
    assert (got + lost, wrong, ascending) == (cursor, 0, True)
    assert cursor == 40
    assert lost == sum(gap.count for gap in ring.ledger() if gap.where == "tracking") > 0


def test_a_writer_killed_in_the_middle_of_a_frame_is_succeeded(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video()
    reader = ring.reader("tracking", ReaderMode.LOSSLESS)
    with child(context, run.die_in_the_middle_of_a_frame, shared) as (process, pipe):
        pid = answer(pipe)
        with pytest.raises(RuntimeError, match=str(pid)):
            ring.begin()
        process.kill()
        process.join(10)
        assert publish_all(ring, range(2)) == [3, 4]
    batch = reader.acquire(10)
    assert batch is not None
    assert batch.frame_ids.tolist() == [0, 1, 2, 3, 4]
    assert [int(frame.max()) for frame in batch.frames] == [0, 1, 2, 3, 4]
    assert batch.release().all()
    assert ring.counters().lost_upstream == 0


def test_writers_killed_at_random_instants_leave_a_whole_ring(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video()
    reader = ring.reader("display", ReaderMode.OVERWRITE)
    seen: list[int] = []
    for round_ in range(3):
        with child(context, run.write_for_ever, shared, 0.0) as (process, pipe):
            answer(pipe)
            time.sleep(0.01 + 0.007 * round_)
            process.kill()
            process.join(10)
        while (batch := reader.acquire(16)) is not None:
            maxima = batch.frames.max(axis=(1, 2)).astype(np.uint64)
            ids = batch.frame_ids
            assert batch.release().all()
            np.testing.assert_array_equal(maxima, ids % 65521)
            seen += ids.tolist()
    assert seen == sorted(set(seen))
    counters = reader.counters
    assert counters.got + counters.lost == counters.cursor == ring.counters().acquired


def test_a_waiting_reader_is_woken(
    video: Callable[..., VideoBuffer], shared: Shared, context: SpawnContext
) -> None:
    ring = video()
    reader = ring.reader("tracking", ReaderMode.LOSSLESS)
    with child(context, run.write_for_ever, shared, 0.02) as (_, pipe):
        answer(pipe)
        for _ in range(5):
            assert reader.wait(LONG_S)
            batch = reader.acquire(100)
            assert batch is not None
            batch.release()


def test_the_lock_of_a_killed_writer_is_taken_over(
    shared: Shared, session: Session, context: SpawnContext
) -> None:
    matrix = MatrixBuffer(create=True, name="m", shape=(8, 3), **shared)
    with child(context, run.take_a_lock, shared) as (process, pipe):
        pid = answer(pipe)
        with pytest.raises(TimeoutError, match=str(pid)):
            matrix.write(np.zeros((1, 3)))
        process.kill()
        process.join(10)
        matrix.write(np.ones((2, 3)))
    assert matrix.read().tolist() == [[1, 1, 1], [1, 1, 1]]
    matrix.close()


def test_two_writers_of_rows_never_mix(shared: Shared, session: Session, context: SpawnContext) -> None:
    matrix = MatrixBuffer(create=True, name="m", shape=(4000, 3), **shared)
    reader = matrix.reader("recording")
    with (
        child(context, run.write_rows, shared, 40, 17, 1.0) as (_, first),
        child(context, run.write_rows, shared, 40, 23, 2.0) as (_, second),
    ):
        for pipe in (first, second):
            answer(pipe)
        for pipe in (first, second):
            assert answer(pipe) == "done"
        assert reader.wait(LONG_S)
    rows = reader.read()
    assert len(rows) == 40 * (17 + 23)
    starts = np.flatnonzero(rows[:, 2] == 0)
    for start in starts:
        length = 17 if rows[start, 0] == 1.0 else 23
        block = rows[start : start + length]
        assert len(np.unique(block[:, :2], axis=0)) == 1
        np.testing.assert_array_equal(block[:, 2], np.arange(length))
    matrix.close()
