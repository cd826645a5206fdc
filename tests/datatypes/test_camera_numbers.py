"""Camera numbers seen = acquired + lost upstream + lost in the ring, whoever writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.datatypes import ReaderMode, VideoBuffer, VideoReader
from tests.datatypes.frames_for_tests import publish, publish_all

Make = Callable[..., VideoBuffer]
FPS = 1000.0
MS = 1_000_000


@pytest.fixture
def video(make_video: Make) -> VideoBuffer:
    return make_video(default_reader=False)


def offer(video: VideoBuffer, number: int, taken_ms: int) -> bool:
    """Publish the frame of a camera, or have it refused."""
    if video.begin() is None:
        video.refuse(camera_frame=number)
        return False
    video.commit(timestamp_ns=taken_ms * MS, camera_frame=number)
    return True


def read_all(reader: VideoReader) -> None:
    while (batch := reader.acquire(8)) is not None:
        batch.release()


def seen(video: VideoBuffer) -> int:
    counters = video.counters()
    return counters.acquired + counters.lost_upstream + counters.lost_ring


def test_frames_refused_before_the_death_of_the_writer_are_no_second_loss(
    video: VideoBuffer, make_video: Make
) -> None:
    reader = video.reader("recording", ReaderMode.LOSSLESS)
    for number in range(13):
        offer(video, number, number)
    read_all(reader)
    video._writer.close()
    again = make_video(create=False)
    again.begin_run()
    again.begin()
    assert again.resume_run(timestamp_ns=20 * MS, fps=FPS) == 7
    again.commit(timestamp_ns=20 * MS, camera_frame=0)
    counters = again.counters()
    assert (counters.acquired, counters.lost_ring, counters.lost_upstream) == (9, 5, 7)
    assert sum(gap.count for gap in again.ledger()) == 12


def test_frames_refused_after_the_return_of_the_writer_are_no_second_loss(
    video: VideoBuffer, make_video: Make
) -> None:
    reader = video.reader("recording", ReaderMode.LOSSLESS)
    for number in range(8):
        offer(video, number, number)
    again = make_video(create=False)
    again.begin_run()
    # The camera is back at frame 10 and loses one of those that are refused, and the one before it.
    for number in (0, 1, 3, 4):
        assert not offer(again, number, 10 + number)
    read_all(reader)
    again.begin()
    assert again.resume_run(timestamp_ns=16 * MS, fps=FPS) == 3
    again.commit(timestamp_ns=16 * MS, camera_frame=6)
    assert seen(again) == 17
    assert offer(again, 7, 17)
    assert offer(again, 9, 19)
    assert seen(again) == 20


@settings(max_examples=100, deadline=None)
@given(
    fates=st.lists(st.sampled_from(["frame", "frame", "missed", "read", "dies"]), min_size=20, max_size=60)
)
def test_whatever_happens_each_frame_of_the_camera_stands_in_one_place(fates: list[str]) -> None:
    """Frames, misses of the camera, a reader that makes room now and then, and deaths of the writer."""
    locks = {"VideoBuffer": threading.Lock()}
    sizes: dict[str, Any] = {
        "n_stacks": 2,
        "n_images": 1,
        "width": 3,
        "height": 2,
        "bits": 8,
        "pin_timeout_s": 1e6,
    }
    owner = VideoBuffer(create=True, locks=locks, default_reader=False, **sizes)
    writer = VideoBuffer(create=False, locks=locks)
    reader = owner.reader("recording", ReaderMode.LOSSLESS)
    offer(writer, 0, 0)
    taken, began, resuming = 1, 0, False
    last = 0
    for fate in fates:
        if fate == "read":
            read_all(reader)
        elif fate == "dies":
            writer.close()
            writer = VideoBuffer(create=False, locks=locks)
            writer.begin_run()
            began, resuming = taken, True
        elif fate == "missed":
            taken += 1
        else:
            slot = writer.begin()
            if slot is None:
                writer.refuse(camera_frame=taken - began)
            else:
                if resuming:
                    writer.resume_run(timestamp_ns=taken * MS, fps=FPS)
                    resuming = False
                writer.commit(timestamp_ns=taken * MS, camera_frame=taken - began)
                last = taken + 1
            taken += 1
            if not resuming and slot is not None:
                assert seen(writer) == last
    writer.close()
    owner.close()


NUMPY = [np.int64, np.uint64, np.int32, np.uint32, np.uint16, np.int16]


@pytest.mark.parametrize("kind", NUMPY)
def test_a_number_of_numpys_is_a_number(video: VideoBuffer, kind: Callable[[int], int]) -> None:
    for number in (0, 1, 4, 5):
        publish(video, kind(number))
    assert video.counters().lost_upstream == 2
    assert [(gap.first_id, gap.count) for gap in video.ledger()] == [(2, 2)]
    video.refuse(camera_frame=kind(8))
    assert publish(video, kind(9)) == 5
    assert video.counters().lost_upstream == 4


def test_the_largest_number_of_a_numpy_type_is_followed_by_the_next(video: VideoBuffer) -> None:
    offer(video, np.uint16(65535), 0)  # type: ignore[arg-type]  # as a driver may give it
    offer(video, 65536, 1)
    offer(video, 65540, 2)
    assert video.counters().lost_upstream == 3


def test_handles_that_write_in_turn_see_the_cameras_numbers_as_one(
    video: VideoBuffer, make_video: Make
) -> None:
    other = make_video(create=False)
    for number in range(5):
        publish((video, other)[number % 2], number)
    assert video.ledger() == ()
    publish(other, 14)
    assert video.counters().lost_upstream == 9


def test_what_one_handle_was_refused_the_other_does_not_miss(video: VideoBuffer, make_video: Make) -> None:
    other = make_video(create=False)
    reader = video.reader("recording", ReaderMode.LOSSLESS)
    publish_all(video, range(8))
    assert publish_all(video, [8, 9]) == [None, None]
    assert publish(other, 11) is None
    read_all(reader)
    assert publish(video, 12) == 11
    counters = video.counters()
    assert (counters.acquired, counters.lost_ring, counters.lost_upstream) == (9, 3, 1)


def test_a_run_that_one_handle_begins_begins_for_all(video: VideoBuffer, make_video: Make) -> None:
    other = make_video(create=False)
    publish_all(video, range(3))
    other.begin_run()
    publish(video, 7)
    publish(other, 8)
    assert video.ledger() == ()
    video.begin_run()
    publish(other, 20)
    publish(video, 22)
    assert video.counters().lost_upstream == 1


@pytest.mark.parametrize("in_turn", [False, True])
def test_after_a_frame_without_a_number_any_is_expected(
    video: VideoBuffer, make_video: Make, *, in_turn: bool
) -> None:
    other = make_video(create=False) if in_turn else video
    publish_all(video, range(5))
    publish(video, -1)
    publish(other, 6)
    assert video.ledger() == ()
    publish(video, 8)
    assert video.counters().lost_upstream == 1


def test_a_slot_that_an_ended_writer_began_keeps_no_handle_waiting(make_video: Make) -> None:
    owner = make_video(default_reader=False)
    ended, second, third = (make_video(create=False) for _ in range(3))
    ended.begin()
    ended.close()
    second.begin_run()
    assert publish(third, 0) == 0
    assert owner.counters().acquired == 1
