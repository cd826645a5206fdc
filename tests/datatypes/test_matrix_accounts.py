"""Rows that were refused or missed are counted, and rows in the making are never taken for whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import BufferOverflow, MatrixBuffer, Session, layout
from tests.datatypes.conftest import LockMap


class Fence:
    """Stands in for the processor's memory barrier, and does something at a chosen one."""

    def __init__(self) -> None:
        self.actions: list[Callable[[], object] | None] = []

    def __call__(self) -> None:
        if self.actions:
            action = self.actions.pop(0)
            if action is not None:
                action()


@pytest.fixture
def fence(monkeypatch: pytest.MonkeyPatch) -> Fence:
    made = Fence()
    monkeypatch.setattr(system, "memory_fence", lambda: made)
    return made


@pytest.fixture
def matrix(locks: LockMap, session: Session) -> Iterator[MatrixBuffer]:
    # A computer that stands still for a second must not end the pin of a lossless reader.
    made = MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 3), pin_timeout_s=1e6)
    yield made
    made.close()


def rows(first: int, count: int) -> np.ndarray:
    return np.arange(3.0 * first, 3.0 * (first + count)).reshape(count, 3)


def losses(matrix: MatrixBuffer) -> list[tuple[str, int, int]]:
    return [(gap.where, gap.first_id, gap.count) for gap in matrix.ledger()]


def test_refused_rows_are_counted_with_their_place(matrix: MatrixBuffer) -> None:
    reader = matrix.reader("recording", lossless=True)
    matrix.write(rows(0, 5))
    for count in (2, 1):
        with pytest.raises(BufferOverflow, match="counted"):
            matrix.write(rows(5, count))
    assert len(reader.read()) == 5
    matrix.write(rows(5, 4))
    with pytest.raises(BufferOverflow, match="counted"):
        matrix.write(rows(9, 4))
    counters = matrix.counters()
    assert (counters.written, counters.refused, counters.lost_shared) == (9, 7, 0)
    assert [status.name for status in counters.readers] == ["recording"]
    assert losses(matrix) == [("ring", 5, 3), ("ring", 9, 4)]


def test_rows_that_the_shared_cursor_missed_are_counted(matrix: MatrixBuffer, locks: LockMap) -> None:
    other = MatrixBuffer(create=False, locks=locks, name="m")
    for first in range(0, 15, 5):
        matrix.write(rows(first, 5))
    np.testing.assert_array_equal(other.read(), rows(10, 5))
    assert other.counters().lost_shared == matrix.counters().lost_shared == 10
    matrix.write(rows(15, 4))
    assert len(matrix.read()) == 4
    for first in (19, 23):
        matrix.write(rows(first, 4))
    assert len(matrix.read()) == 5
    assert matrix.counters().lost_shared == 13
    assert losses(matrix) == [("read()", 0, 10), ("read()", 19, 3)]
    other.close()


def test_the_losses_of_named_readers_stand_in_the_ledger(matrix: MatrixBuffer) -> None:
    reader = matrix.reader("recording")
    matrix.write(rows(0, 5))
    matrix.write(rows(5, 3))
    assert losses(matrix) == [("recording", 0, 3)]
    assert len(reader.read()) == 5
    assert losses(matrix) == [("recording", 0, 3)]
    assert reader.counters.lost == matrix.reader_counters("recording").lost == 3


@pytest.mark.parametrize("max_rows", [-1, -3])
def test_a_negative_number_of_rows_is_refused_and_reads_nothing(matrix: MatrixBuffer, max_rows: int) -> None:
    reader = matrix.reader("recording")
    matrix.write(rows(0, 4))
    with pytest.raises(ValueError, match="max_rows must be a whole number from 0"):
        reader.read(max_rows)
    assert len(reader.read(0)) == 0
    np.testing.assert_array_equal(reader.read(), rows(0, 4))


def test_a_block_is_announced_before_its_rows_and_published_after(fence: Fence, matrix: MatrixBuffer) -> None:
    seen: list[tuple[int, int, float]] = []

    def look() -> None:
        words = matrix._matrix.words
        seen.append((words[layout.RESERVED], words[layout.HEAD], matrix.peak_unsorted()[0, 0]))

    matrix.write(rows(0, 5))
    fence.actions = [look, look]
    matrix.write(rows(5, 2))
    assert seen == [(7, 5, 0.0), (7, 5, 15.0)]


def test_rows_that_a_killed_writer_had_begun_are_not_taken_for_the_old_ones(
    fence: Fence, matrix: MatrixBuffer
) -> None:
    def die() -> None:
        raise SystemExit

    reader = matrix.reader("recording")
    matrix.write(rows(0, 5))
    fence.actions = [None, die]
    with pytest.raises(SystemExit):
        matrix.write(rows(5, 4))
    matrix.write(rows(5, 1))
    np.testing.assert_array_equal(matrix.newest(5), rows(4, 2))
    np.testing.assert_array_equal(reader.read(), rows(4, 2))
    assert (reader.counters.got, reader.counters.lost) == (2, 4)


def test_rows_overwritten_during_the_copy_are_left_out_and_counted(
    matrix: MatrixBuffer, locks: LockMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence = Fence()
    monkeypatch.setattr(system, "memory_fence", lambda: fence)
    looking = MatrixBuffer(create=False, locks=locks, name="m")
    reader = looking.reader("recording")
    matrix.write(rows(0, 5))
    # The second barrier of a look stands between the copy and the check.
    fence.actions = [None, lambda: matrix.write(rows(5, 2))]
    np.testing.assert_array_equal(looking.newest(5), rows(2, 3))
    fence.actions = [None, lambda: matrix.write(rows(7, 1))]
    np.testing.assert_array_equal(looking.newest(3), rows(4, 3))
    fence.actions = [None, lambda: matrix.write(rows(8, 2))]
    assert reader.read(4).tolist() == rows(5, 2).tolist()
    counters = reader.counters
    assert (counters.got, counters.lost, counters.torn, counters.cursor) == (2, 5, 2, 7)
    looking.close()


def test_a_lock_that_nobody_has_signed_for_is_released_after_its_time(
    matrix: MatrixBuffer, locks: LockMap
) -> None:
    locks["m"].acquire()
    waiting = threading.Thread(target=matrix.write, args=[rows(0, 2)], daemon=True)
    waiting.start()
    waiting.join(20)
    assert not waiting.is_alive()
    assert matrix.rows_written == 2
