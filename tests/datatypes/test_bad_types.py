"""What has the wrong type or would become another number is refused in one sentence; nothing changes."""

from __future__ import annotations

import multiprocessing
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from magscope_app.datatypes import (
    BeadRoiBuffer,
    LiveProfileBuffer,
    MatrixBuffer,
    ReaderMode,
    Session,
    VideoBuffer,
    ZLUTSweepDataset,
    make_wakes,
    required_bytes,
)
from tests.datatypes.conftest import LockMap
from tests.datatypes.test_refusals import SWEEP

Make = Callable[..., VideoBuffer]


@pytest.fixture
def matrix(locks: LockMap, session: Session) -> Iterator[MatrixBuffer]:
    made = MatrixBuffer(create=True, locks=locks, name="m", shape=(6, 1))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"shape": 5}, "needs a shape"),
        ({"pin_timeout_s": "x"}, "pin_timeout_s must be"),
        ({"pin_timeout_s": None}, "pin_timeout_s must be"),
        ({"name": 5}, "the name of a buffer is a text, not 5"),
        ({"name": None}, "the name of a buffer is a text"),
        ({"name": b"x"}, "the name of a buffer is a text"),
        ({"locks": None}, "locks maps the names of buffers"),
        ({"locks": []}, "locks maps the names of buffers"),
    ],
)
def test_no_rows_are_made_of_that(
    locks: LockMap, session: Session, changes: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        MatrixBuffer(**{"create": True, "locks": locks, "name": "m", "shape": (2, 2), **changes})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"unpin_first": 5}, "unpin_first is a tuple of names, not 5"),
        ({"default_reader": None}, "default_reader must be True or False, not None"),
        ({"default_reader": -1}, "default_reader must be True or False, not -1"),
    ],
)
def test_no_ring_is_made_of_that(make_video: Make, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make_video(**changes)


@pytest.mark.parametrize("sizes", [(1.5, 2, 3, 4, 8), (True, 2, 3, 4, 8), ("a", 2, 3, 4, 8)])
def test_a_size_is_a_whole_number(sizes: Any) -> None:
    with pytest.raises(ValueError, match="n_stacks must be a whole number"):
        required_bytes(*sizes)


def test_readers_of_semaphores_are_no_text() -> None:
    with pytest.raises(ValueError, match="is a tuple of names, not the text 'rec'"):
        make_wakes(multiprocessing.get_context("spawn"), {"VideoBuffer": "rec"})


@pytest.mark.parametrize("value", [None, 5, [(0, (0, 1, 0, 1))]])
def test_beads_are_a_mapping(locks: LockMap, session: Session, value: Any) -> None:
    beads = BeadRoiBuffer(create=True, locks=locks, capacity=4)
    with pytest.raises(ValueError, match="beads are a mapping"):
        beads.add_beads(value)
    with pytest.raises(ValueError, match="come in a list, 0 is none"):
        beads.remove_beads(0)  # type: ignore[arg-type]  # that is the question
    assert beads.version == 0
    beads.close()


BAD_COUNTS: list[Any] = [2.5, True, "2", float("nan"), -1]


@pytest.mark.parametrize("number", BAD_COUNTS)
def test_a_number_of_frames_or_rows_is_whole(make_video: Make, matrix: MatrixBuffer, number: Any) -> None:
    video = make_video(default_reader=False)
    frames, rows = video.reader("recording", ReaderMode.LOSSLESS), matrix.reader("recording")
    video.write_timestamp(1.0)
    matrix.write([[1.0]])
    with pytest.raises(ValueError, match="max_frames must be"):
        frames.acquire(number)
    with pytest.raises(ValueError, match="max_rows must be a whole number"):
        rows.read(number)
    assert (frames.counters.position, rows.counters.position) == (0, 0)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64])
def test_a_number_of_rows_may_be_numpys(locks: LockMap, session: Session, kind: Callable[[int], int]) -> None:
    made = MatrixBuffer(create=True, locks=locks, name="m", shape=(1000, 1))
    reader = made.reader("recording")
    made.write(np.arange(300.0)[:, None])
    read = [reader.read(kind(100)) for _ in range(3)]
    assert np.concatenate(read).ravel().tolist() == list(range(300))
    assert (reader.counters.got, reader.counters.lost) == (300, 0)
    made.close()


@pytest.mark.parametrize("time_s", ["x", None, float("nan"), [1.0]])
def test_a_time_to_wait_is_a_number(make_video: Make, time_s: Any) -> None:
    with pytest.raises(ValueError, match="timeout_s must be"):
        make_video().reader("window", ReaderMode.NEWEST).wait(time_s)


LONG = np.finfo(np.longdouble).max > np.finfo(np.float64).max
CHANGED: list[Any] = [
    [[2**53 + 1]],
    np.array([[2**64 - 1]], np.uint64),
    np.ma.masked_array([[1.0]], mask=[[True]]),
    pytest.param(
        np.array([[np.finfo(np.longdouble).max]]), marks=pytest.mark.skipif(not LONG, reason="no longer type")
    ),
]


@pytest.mark.parametrize("rows", CHANGED)
def test_a_number_that_would_change_is_refused(matrix: MatrixBuffer, rows: Any) -> None:
    with pytest.raises(ValueError, match=r"m takes numbers"):
        matrix.write(rows)
    assert matrix.rows_written == 0
    matrix.write(np.array([[2**53], [2**62]], np.uint64))
    matrix.write(np.ma.masked_array([[1.0]], mask=[[False]]))
    matrix.write(np.array([[1.5]], np.longdouble))
    assert matrix.read().ravel().tolist() == [2.0**53, 2.0**62, 1.0, 1.5]


def test_a_time_that_would_change_is_refused(locks: LockMap, session: Session) -> None:
    profile = LiveProfileBuffer(create=True, locks=locks, profile_capacity=2)
    with pytest.raises(ValueError, match="timestamp takes numbers that float64 holds"):
        profile.write_profile(2**53 + 1, 1, [1.0])
    assert np.isnan(profile.peak_unsorted()).all()
    profile.close()


def test_rows_of_the_buffer_itself_are_stored_as_they_were(matrix: MatrixBuffer) -> None:
    matrix.write(np.arange(6.0)[:, None])
    matrix.write([[6.0], [7.0]])
    before = matrix.peak_unsorted().ravel().tolist()
    matrix.write(matrix.peak_unsorted())
    assert matrix.peak_sorted().ravel().tolist() == before


@pytest.mark.parametrize("number", [-(2**63) - 1, -(2**70), 2**63])
def test_a_refused_number_of_more_than_64_bits_counts_nothing(make_video: Make, number: int) -> None:
    video = make_video(default_reader=False)
    with pytest.raises(ValueError, match=r"is from -2\*\*63 to 2\*\*63 - 1"):
        video.refuse(camera_frame=number)
    assert video.counters().lost_ring == 0


BAD_TIMES: list[Any] = [2**70, -(2**70), 1.5, None, "x"]


@pytest.mark.parametrize("time_ns", BAD_TIMES)
def test_a_camera_comes_back_at_a_time_that_can_be_stored(make_video: Make, time_ns: Any) -> None:
    video = make_video(default_reader=False)
    video.write_timestamp(1.0)
    with pytest.raises(RuntimeError, match="without begin"):
        video.resume_run(timestamp_ns=2 * 10**9, fps=10.0)
    video.begin()
    with pytest.raises(struct.error):
        video.resume_run(timestamp_ns=time_ns, fps=10.0)
    with pytest.raises(ValueError, match="fps must be a real number"):
        video.resume_run(timestamp_ns=2 * 10**9, fps="x")  # type: ignore[arg-type]  # that is the question
    assert video.counters().lost_upstream == 0


# Attaching


def test_other_sizes_than_those_there_are_refused(
    make_video: Make, matrix: MatrixBuffer, locks: LockMap
) -> None:
    make_video()
    with pytest.raises(ValueError, match="attaching to VideoBuffer: width is 5, not 99; bits is 16, not 8"):
        make_video(create=False, width=99, height=3, bits=8)
    make_video(create=False, width=5, significant_bits=16)
    with pytest.raises(ValueError, match="columns is 1, not 2"):
        MatrixBuffer(create=False, locks=locks, name="m", shape=(6, 2))
    MatrixBuffer(create=False, locks=locks, name="m", shape=(6, 1)).close()
    made: list[Any] = [
        BeadRoiBuffer(create=True, locks=locks, capacity=4),
        LiveProfileBuffer(create=True, locks=locks, profile_capacity=4),
        ZLUTSweepDataset.create(locks=locks, **SWEEP),
    ]
    with pytest.raises(ValueError, match="capacity is 4, not 5"):
        BeadRoiBuffer(create=False, locks=locks, capacity=5)
    with pytest.raises(ValueError, match="profile_capacity is 4, not 5"):
        LiveProfileBuffer(create=False, locks=locks, profile_capacity=5)
    with pytest.raises(ValueError, match="capacity is 6, not 7; profile_length is 3, not 4"):
        ZLUTSweepDataset(create=False, locks=locks, capacity=7, profile_length=4)
    for one in made:
        one.close()


def test_only_the_creator_destroys_a_sweep_closed_or_not(locks: LockMap, session: Session) -> None:
    made, attached = ZLUTSweepDataset.create(locks=locks, **SWEEP), ZLUTSweepDataset.attach(locks=locks)
    attached.close()
    with pytest.raises(RuntimeError, match="only the creator"):
        attached.destroy()
    made.destroy()
    made.destroy()
