"""Rows of numbers: the documented methods and the named readers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.datatypes import BufferOverflow, MatrixBuffer, Session
from tests.datatypes.conftest import LockMap


@pytest.fixture
def matrix(locks: LockMap, session: Session) -> Iterator[MatrixBuffer]:
    # A computer that stands still for a second must not end the pin of a lossless reader.
    made = MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 3), pin_timeout_s=1e6)
    yield made
    made.close()


def rows(first: int, count: int) -> np.ndarray:
    return np.arange(3.0 * first, 3.0 * (first + count)).reshape(count, 3)


def test_sizes_are_public_and_equal_on_both_sides(matrix: MatrixBuffer, locks: LockMap) -> None:
    attached = MatrixBuffer(create=False, locks=locks, name="m")
    for buffer in (matrix, attached):
        assert (buffer.name, buffer.shape, buffer.strides) == ("m", (5, 3), (24, 8))
        assert buffer.dtype == np.float64
        assert (buffer.itemsize, buffer.nbytes) == (8, 120)
        assert buffer.lock is locks["m"]
    attached.close()


def test_read_returns_what_is_unread_once(matrix: MatrixBuffer) -> None:
    assert matrix.read().shape == (0, 3)
    matrix.write(rows(0, 2))
    assert (matrix.get_count_index(), matrix.get_read_index(), matrix.get_write_index()) == (48, 0, 48)
    np.testing.assert_array_equal(matrix.read(), rows(0, 2))
    assert (matrix.get_count_index(), matrix.get_read_index(), matrix.get_write_index()) == (0, 48, 48)
    matrix.write(rows(2, 4))
    assert (matrix.get_count_index(), matrix.get_read_index(), matrix.get_write_index()) == (96, 48, 24)
    np.testing.assert_array_equal(matrix.read(), rows(2, 4))


def test_the_oldest_rows_are_overwritten(matrix: MatrixBuffer) -> None:
    matrix.write(rows(0, 4))
    matrix.write(rows(4, 4))
    assert (matrix.get_count_index(), matrix.get_read_index(), matrix.get_write_index()) == (120, 72, 72)
    np.testing.assert_array_equal(matrix.read(), rows(3, 5))
    assert matrix.rows_written == 8


def test_peaks_move_nothing(matrix: MatrixBuffer) -> None:
    assert np.isnan(matrix.peak_sorted()).all()
    matrix.write(rows(0, 2))
    whole = matrix.peak_sorted()
    assert whole.shape == (5, 3)
    assert np.isnan(whole[:3]).all()
    np.testing.assert_array_equal(whole[3:], rows(0, 2))
    view = matrix.peak_unsorted()
    matrix.write(rows(2, 4))
    np.testing.assert_array_equal(view[0], rows(5, 1)[0])
    np.testing.assert_array_equal(matrix.peak_sorted(), rows(1, 5))
    assert not view.flags.writeable
    assert matrix.get_count_index() == 120


@pytest.mark.parametrize("shape", [(6, 3), (2, 2), (3,), (1, 3, 1)])
def test_wrong_shapes_are_refused_whole(matrix: MatrixBuffer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="3 columns"):
        matrix.write(np.zeros(shape))
    assert matrix.rows_written == 0
    matrix.write(np.zeros((0, 3)))
    matrix.write(rows(0, 5).astype(np.float32))
    np.testing.assert_array_equal(matrix.read(), rows(0, 5))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.ones((2, 3)) * 1j, "complex128"),
        ([[1j, 2, 3]], "complex128"),
        ([["1", "2", "3"]], "<U1"),
        ([[None, 1.0, 2.0]], "object"),
        (np.zeros((1, 3), "M8[s]"), "datetime64"),
    ],
)
def test_what_are_no_real_numbers_is_refused_whole(matrix: MatrixBuffer, values: object, kind: str) -> None:
    with pytest.raises(ValueError, match=f"m takes real numbers, not values of the type {kind}"):
        matrix.write(values)  # type: ignore[arg-type]  # that is the point
    assert matrix.rows_written == 0
    matrix.write([[True, 2, 3.5]])
    assert matrix.read().tolist() == [[1.0, 2.0, 3.5]]


def test_impossible_buffers_are_refused(locks: LockMap, session: Session) -> None:
    for shape in (None, (0, 3), (3, -1)):
        with pytest.raises(ValueError, match="shape"):
            MatrixBuffer(create=True, locks=locks, name="m", shape=shape)
    with pytest.raises(KeyError, match="'n'"):
        MatrixBuffer(create=True, locks=locks, name="n", shape=(2, 2))
    with pytest.raises(FileNotFoundError, match="'m'"):
        MatrixBuffer(create=False, locks=locks, name="m")


def test_each_reader_has_its_own_cursor_and_losses(matrix: MatrixBuffer) -> None:
    fast, slow = matrix.reader("fast"), matrix.reader("slow")
    matrix.write(rows(0, 3))
    np.testing.assert_array_equal(fast.read(2), rows(0, 2))
    matrix.write(rows(3, 4))
    np.testing.assert_array_equal(fast.read(), rows(2, 5))
    np.testing.assert_array_equal(slow.read(1), rows(2, 1))
    assert (fast.counters.got, fast.counters.lost) == (7, 0)
    assert (slow.counters.got, slow.counters.lost, slow.counters.cursor) == (1, 2, 3)
    assert [(gap.first_id, gap.count, gap.where) for gap in slow.gaps] == [(0, 2, "slow")]
    assert matrix.reader_counters("slow") == slow.counters
    assert {status.name for status in matrix.statuses()} == {"fast", "slow"}
    slow.close()
    again = matrix.reader("slow")
    np.testing.assert_array_equal(again.read(), rows(3, 4))


def test_a_lossless_reader_makes_a_write_fail_whole(matrix: MatrixBuffer) -> None:
    reader = matrix.reader("recording", lossless=True)
    matrix.write(rows(0, 4))
    with pytest.raises(BufferOverflow, match="2 rows"):
        matrix.write(rows(4, 2))
    assert matrix.rows_written == 4
    matrix.write(rows(4, 1))
    np.testing.assert_array_equal(reader.read(), rows(0, 5))
    matrix.write(rows(5, 5))
    reader.close()
    matrix.write(rows(10, 5))
    assert matrix.rows_written == 15


def test_newest_gives_at_most_what_there_is(matrix: MatrixBuffer) -> None:
    assert matrix.newest(3).shape == (0, 3)
    matrix.write(rows(0, 4))
    np.testing.assert_array_equal(matrix.newest(2), rows(2, 2))
    matrix.write(rows(4, 3))
    np.testing.assert_array_equal(matrix.newest(99), rows(2, 5))


def test_wait_ends_when_rows_come_or_time_is_over(matrix: MatrixBuffer) -> None:
    reader = matrix.reader("recording")
    assert not reader.wait(0.01)
    timer = threading.Timer(0.05, matrix.write, [rows(0, 1)])
    timer.start()
    assert reader.wait(10.0)
    timer.join()
    assert reader.available == 1


def test_a_closed_buffer_raises(matrix: MatrixBuffer) -> None:
    reader = matrix.reader("recording")
    matrix.close()
    for use in (matrix.read, matrix.peak_sorted, matrix.get_count_index, reader.read):
        with pytest.raises(RuntimeError, match="closed"):
            use()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["all", "one", "documented", ""])), max_size=25))
def test_any_order_of_writes_and_reads_keeps_rows_and_counts(steps: list[tuple[int, str]]) -> None:
    locks = {"p": threading.Lock()}
    matrix = MatrixBuffer(create=True, locks=locks, name="p", shape=(7, 3))
    reader = matrix.reader("r")
    written, cursor, documented, got = 0, 0, 0, 0
    for count, action in steps:
        matrix.write(rows(written, count))
        written += count
        oldest = max(0, written - 7)
        if action in ("all", "one"):
            first = max(cursor, oldest)
            cursor = written if action == "all" else min(written, first + 1)
            np.testing.assert_array_equal(
                reader.read(None if action == "all" else 1), rows(first, cursor - first)
            )
            got += cursor - first
        elif action == "documented":
            first = max(documented, oldest)
            assert matrix.get_count_index() == (written - first) * 24
            np.testing.assert_array_equal(matrix.read(), rows(first, written - first))
            documented = written
        assert (reader.counters.got, reader.counters.lost) == (got, cursor - got)
    assert sum(gap.count for gap in reader.gaps) == reader.counters.lost
    matrix.close()
