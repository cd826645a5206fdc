"""Readers that come again, and handles of one process that write in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from magscope_app.datatypes import ReaderMode, VideoBuffer
from tests.datatypes.frames_for_tests import LONG_S, eventually, is_armed, is_whole, publish, publish_all

Make = Callable[..., VideoBuffer]


class Counting(threading.Semaphore):
    """A semaphore that counts its posts."""

    posts = 0

    def release(self, n: int = 1) -> None:
        self.posts += 1
        super().release(n)


def test_every_reader_of_a_name_is_woken_not_only_the_first(make_video: Make) -> None:
    wake = Counting(0)
    video = make_video(default_reader=False, wakes={"VideoBuffer.tracking": wake})
    for life in range(30):
        with video.reader("tracking", ReaderMode.LOSSLESS) as reader:
            waiting = threading.Thread(target=reader.wait, args=[LONG_S])
            waiting.start()
            assert eventually(partial(is_armed, video, reader))
            publish(video, life)
            waiting.join()
            batch = reader.acquire(1)
            assert batch is not None
            batch.release()
        # It looks anew every tenth of a second: a frame may meet it just then, without a post.
        if wake.posts >= 3:
            break
    assert wake.posts >= 3


def test_a_slot_in_work_keeps_other_handles_of_the_process_from_writing(make_video: Make) -> None:
    first, second = make_video(default_reader=False), make_video(create=False)
    reader = first.reader("look", ReaderMode.OVERWRITE)
    publish(first)
    slot = first.begin()
    assert slot is not None
    slot[...] = 1
    with pytest.raises(RuntimeError, match="in work in another handle"):
        second.begin()
    with pytest.raises(RuntimeError, match="in work in another handle"):
        second.refuse()
    assert first.commit(timestamp_ns=0) == 1
    assert [publish(second), publish(first)] == [2, 3]
    batch = reader.acquire(8)
    assert batch is not None
    assert batch.frame_ids.tolist() == [0, 1, 2, 3]
    assert all(is_whole(frame, number) for number, frame in enumerate(batch.frames))
    assert batch.release().all()


@pytest.mark.parametrize("ended", ["abort", "close", "del"])
def test_a_slot_that_was_given_up_keeps_nobody(
    make_video: Make, locks: dict[str, threading.Lock], ended: str
) -> None:
    first = make_video(default_reader=False)
    second = VideoBuffer(create=False, locks=locks)
    publish_all(first, range(3))
    assert second.begin() is not None
    if ended == "abort":
        second.abort()
    elif ended == "close":
        second.close()
    else:
        del second
    assert publish(first, 3) == 3


@pytest.mark.parametrize("takes_over", ["refuse", "publish"])
def test_the_slot_of_a_writer_that_is_gone_keeps_nobody_from_its_turn(
    make_video: Make, takes_over: str
) -> None:
    first, second, third = make_video(default_reader=False), *(make_video(create=False) for _ in range(2))
    publish_all(first, range(3))
    assert second.begin() is not None
    second.close()
    if takes_over == "refuse":
        assert first.refuse() == 3
    else:
        assert publish(first) == 3
    assert [publish(third), publish(first)] == [4, 5]


@pytest.mark.parametrize("mode", [0, 4, 7, "lossless", None])
def test_a_reader_of_no_known_kind_is_refused_and_leaves_nothing(make_video: Make, mode: object) -> None:
    video = make_video(default_reader=False)
    with pytest.raises(ValueError, match="LOSSLESS, OVERWRITE or NEWEST"):
        video.reader("x", mode)  # type: ignore[arg-type]  # that is the point
    assert video.counters().readers == ()


def test_a_kind_given_by_its_number_is_that_kind(make_video: Make) -> None:
    video = make_video(default_reader=False)
    reader = video.reader("x", 1)  # type: ignore[arg-type]  # from a caller without types
    assert reader.mode is ReaderMode.LOSSLESS
    with pytest.raises(RuntimeError, match="lossless"):
        reader.newest()
