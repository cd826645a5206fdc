"""A writer that is killed between any two of its stores leaves the next one exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from magscope_app.datatypes import ReaderMode, VideoBuffer, VideoReader
from tests.datatypes.frames_for_tests import publish_all
from tests.datatypes.test_camera_numbers import FPS, MS, offer, read_all, seen

Make = Callable[..., VideoBuffer]


class Killed(BaseException):
    """In place of a signal: nothing of the writer's runs after it."""


class Stores:
    """Words of shared memory until the writer is killed at one of its stores."""

    def __init__(self, words: memoryview[int], left: list[int]) -> None:
        self._words = words
        self._left = left

    def __getitem__(self, place: Any) -> Any:
        return self._words[place]

    def __setitem__(self, place: int, value: int) -> None:
        if not self._left[0]:
            raise Killed
        self._left[0] -= 1
        self._words[place] = value


def kill_at(one: object, left: list[int], known: set[int]) -> None:
    """Let every part of a writer count down at each store."""
    if id(one) in known or not type(one).__module__.startswith("magscope_app"):
        return
    known.add(id(one))
    for name, value in list(getattr(one, "__dict__", {}).items()):
        if isinstance(value, memoryview) and value.format == "Q":
            setattr(one, name, Stores(value, left))
        else:
            kill_at(value, left, known)


def killed(make: Make, prepare: Callable[[VideoBuffer], object], act: Callable[[VideoBuffer], object]) -> Any:
    """Yield a buffer and its reader after a writer was killed at its first store, its second, …"""
    for number in count():
        owner = make(default_reader=False)
        reader = owner.reader("recording", ReaderMode.LOSSLESS)
        publish_all(owner, range(4))
        prepare(owner)
        left = [number]
        owner._writer._claim.take()
        kill_at(owner._writer, left, set())
        with suppress(Killed):
            act(owner)
        ended = left[0] > 0
        left[0] = 1000
        owner._writer.close()
        yield make(create=False), reader
        owner.close()
        if ended:
            assert number > 3
            return


Kills = Iterator[tuple[VideoBuffer, VideoReader]]


def accounted(video: VideoBuffer) -> int:
    """Return the camera's numbers seen, which the ledger must agree with."""
    counters = video.counters()
    booked = sum(gap.count for gap in video.ledger() if gap.where in ("camera", "ring"))
    assert booked == counters.lost_ring + counters.lost_upstream
    return seen(video)


def fill(video: VideoBuffer) -> None:
    publish_all(video, range(4, 8))
    assert video.begin() is None


@pytest.mark.parametrize(("number", "then"), [(8, 9), (12, 13)])
def test_killed_while_it_refuses(make_video: Make, number: int, then: int) -> None:
    for again, reader in killed(make_video, fill, lambda video: video.refuse(camera_frame=number)):
        assert not offer(again, then, 0)
        read_all(reader)
        assert offer(again, then + 1, 0)
        assert accounted(again) == then + 2


def test_killed_while_it_publishes_after_a_jump(make_video: Make) -> None:
    for again, _ in killed(
        make_video, VideoBuffer.begin, lambda video: video.commit(timestamp_ns=0, camera_frame=10)
    ):
        assert offer(again, 11, 0)
        assert offer(again, 12, 0)
        assert accounted(again) == 13


def resume(video: VideoBuffer) -> None:
    video.begin_run()
    video.begin()
    video.resume_run(timestamp_ns=20 * MS, fps=FPS)
    video.commit(timestamp_ns=20 * MS, camera_frame=0)


def test_killed_while_it_comes_back(make_video: Make) -> None:
    def at_3_ms(video: VideoBuffer) -> None:
        offer(video, 4, 4)

    for again, _ in killed(make_video, at_3_ms, resume):
        if again.counters().acquired == 5:
            resume(again)
        assert offer(again, 1, 21)
        assert accounted(again) == 22


def test_losses_booked_already_are_no_second_loss_when_the_table_is_full(
    make_video: Make,
) -> None:
    video = make_video(default_reader=False)
    reader = video.reader("recording", ReaderMode.LOSSLESS)
    for number in range(0, 4120, 2):
        assert offer(video, number, number)
        read_all(reader)
    for number in range(4119, 4127):
        assert offer(video, number, number)
    # The camera loses five, the ring refuses three, and then the writer is away for ten.
    for number in range(4132, 4135):
        assert not offer(video, number, number)
    read_all(reader)
    video._writer.close()
    again = make_video(create=False)
    again.begin_run()
    again.begin()
    assert again.resume_run(timestamp_ns=4145 * MS, fps=FPS) == 10
    again.commit(timestamp_ns=4145 * MS, camera_frame=0)
    assert accounted(again) == 4146


def test_killed_while_it_comes_back_after_a_jump(make_video: Make) -> None:
    def miss_three(video: VideoBuffer) -> None:
        offer(video, 4, 4)
        offer(video, 8, 8)

    for again, _ in killed(make_video, miss_three, resume):
        if again.counters().acquired == 6:
            resume(again)
        assert accounted(again) == 21


def test_what_was_resumed_holds_for_the_next_handle(make_video: Make) -> None:
    video, other = make_video(default_reader=False), make_video(create=False)
    reader = video.reader("recording", ReaderMode.LOSSLESS)
    for number in range(8):
        offer(video, number, number)
    video.begin_run()
    assert not offer(video, 0, 8)
    read_all(reader)
    video.begin()
    assert video.resume_run(timestamp_ns=9 * MS, fps=FPS) == 0
    video.abort()
    assert offer(other, 3, 9)
    assert accounted(video) == 10
