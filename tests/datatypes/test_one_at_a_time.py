"""What readers and writers do between two looks, step by step and without a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from magscope_app.datatypes import MatrixBuffer, ReaderMode, Session, VideoBuffer, layout
from magscope_app.datatypes.gaps import Why
from tests.datatypes.conftest import LockMap
from tests.datatypes.frames_for_tests import fall_silent, is_armed, publish, publish_all

Make = Callable[..., VideoBuffer]
LOSSLESS, OVERWRITE, NEWEST = ReaderMode
NAME = "VideoBuffer.tracking"


class Posts(threading.Semaphore):
    """Counts its posts, and calls `sleep` in place of sleeping."""

    def __init__(self) -> None:
        super().__init__(0)
        self.posts = self.sleeps = 0
        self.sleep: Callable[[], object] = int

    def release(self, n: int = 1) -> None:
        self.posts += 1

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        self.sleeps += 1
        self.sleep()
        return False


@pytest.fixture
def wake() -> Posts:
    return Posts()


@pytest.fixture
def video(make_video: Make, wake: Posts) -> VideoBuffer:
    return make_video(default_reader=False, pin_timeout_s=20.0, wakes={NAME: wake})


@pytest.fixture
def matrix(locks: LockMap, session: Session) -> Iterator[MatrixBuffer]:
    made = MatrixBuffer(create=True, locks=locks, name="m", shape=(5, 3), pin_timeout_s=20.0)
    yield made
    made.close()


def test_a_reader_that_pins_itself_again_is_not_lapped_before_the_writers_next_look(
    video: VideoBuffer,
) -> None:
    reader = video.reader("tracking", LOSSLESS)
    publish_all(video, range(8))
    fall_silent(video, reader, 21.0)
    assert publish(video, 8) == 8
    # Half a ring behind: it is waited for from here on, and the writer has not looked since.
    batch = reader.acquire(1)
    assert batch is not None
    batch.release()
    reader.beat()
    [status] = video.counters().readers
    assert status.pinned
    accepted = publish_all(video, range(9, 29))
    assert len([number for number in accepted if number is not None]) == 5
    ids: list[int] = []
    while (batch := reader.acquire(8)) is not None:
        ids += batch.frame_ids.tolist()
        assert batch.release().all()
    assert ids == list(range(6, 14))
    assert (reader.counters.lost, reader.counters.torn) == (5, 0)


def test_a_silent_reader_gives_way_to_a_block_where_one_row_would_still_fit(matrix: MatrixBuffer) -> None:
    reader = matrix.reader("recording", lossless=True)
    matrix.write(np.ones((3, 3)))
    matrix._matrix.words[reader._entry + layout.BEAT] -= round(21e9)
    matrix.write(np.full((3, 3), 2.0))
    assert matrix.counters().refused == 0
    assert reader.read().tolist() == [[1.0] * 3] * 2 + [[2.0] * 3] * 3


@pytest.mark.parametrize(("mode", "why"), [(LOSSLESS, Why.NO_HEARTBEAT), (OVERWRITE, Why.OVERWRITTEN_IN_USE)])
def test_a_loss_in_use_says_why_the_writer_did_not_wait(
    video: VideoBuffer, mode: ReaderMode, why: Why
) -> None:
    reader = video.reader("tracking", mode)
    publish_all(video, range(8))
    batch = reader.acquire(3)
    assert batch is not None
    fall_silent(video, reader, 21.0)
    assert publish_all(video, [8, 9]) == [8, 9]
    assert batch.release().tolist() == [False, False, True]
    assert [(gap.first_id, gap.count, gap.why) for gap in video.ledger()] == [(0, 2, why.text)]


def test_what_comes_before_a_reader_has_armed_does_not_let_it_sleep(video: VideoBuffer, wake: Posts) -> None:
    reader = video.reader("tracking", LOSSLESS)
    steps: list[bool] = []

    def between_arming_and_looking() -> None:
        if not steps:
            steps.append(is_armed(video, reader))
            publish(video)

    reader._channel.fence = between_arming_and_looking
    assert reader.wait(10.0)
    assert steps == [True]
    assert wake.sleeps == 0
    assert not is_armed(video, reader)


def test_a_reader_that_waits_gives_signs_of_life(video: VideoBuffer, wake: Posts) -> None:
    reader = video.reader("tracking", LOSSLESS)

    def age_s() -> float:
        return video.counters().readers[0].beat_age_s

    fall_silent(video, reader, 1000.0)
    assert age_s() >= 1000
    reader.wait(0.0)
    assert age_s() < 900
    wake.sleep = lambda: fall_silent(video, reader, 1000.0)
    assert not reader.wait(0.01)
    assert wake.sleeps > 0
    assert age_s() < 900


def test_a_reader_is_posted_once_for_each_time_that_it_arms(video: VideoBuffer, wake: Posts) -> None:
    reader = video.reader("tracking", OVERWRITE)
    words: Any = video._ring.words
    for arming, posts in ((5, 1), (0, 1), (6, 2), (7, 3)):
        words[reader._entry + layout.ARMED] = arming
        publish_all(video, [-1] * 3)
        assert wake.posts == posts


def test_the_arming_of_one_that_was_killed_is_not_its_successors(video: VideoBuffer, wake: Posts) -> None:
    reader = video.reader("tracking", LOSSLESS)
    video._ring.words[reader._entry + layout.ARMED] = 5
    reader.close()
    reader = video.reader("tracking", LOSSLESS)
    publish(video)
    assert wake.posts == 0
    assert not is_armed(video, reader)
