"""What one process sees of another is of one instant."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable

import numpy as np
import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import LiveProfileBuffer, Session, VideoBuffer, layout
from tests.datatypes import processes_for_tests as run
from tests.datatypes.frames_for_tests import LONG_S
from tests.datatypes.processes_for_tests import Shared, answer, child

Make = Callable[..., VideoBuffer]


def test_counts_of_a_reader_that_is_always_lapped_never_go_back(session: Session) -> None:
    context = multiprocessing.get_context("spawn")
    shared: Shared = {"locks": {"VideoBuffer": context.Lock()}}
    video = VideoBuffer(
        create=True, **shared, n_stacks=4, n_images=2, width=5, height=3, bits=16, default_reader=False
    )
    with child(context, run.be_lapped, shared) as (_, pipe):
        answer(pipe)
        before = video.reader_counters("display")
        looks, began = 0, time.monotonic()
        while (seconds := time.monotonic() - began) < 2 or looks <= 100:
            assert seconds < LONG_S
            now = video.reader_counters("display")
            assert 0 <= before.got <= now.got <= now.cursor
            assert 0 <= before.lost <= now.lost <= now.cursor
            before, looks = now, looks + 1
        pipe.send("stop")
        received, got, lost, cursor = answer(pipe)
    # Counted by the process that used the frames, by the reader, and by its cursor and losses.
    assert received == got == cursor - lost > 0
    counters = video.reader_counters("display")
    assert (counters.got, counters.lost, counters.cursor) == (got, lost, cursor)
    video.close()
    del video.lock
    shared.clear()


def test_a_record_that_another_process_changes_is_seen_whole(session: Session) -> None:
    context = multiprocessing.get_context("spawn")
    shared: Shared = {"locks": {"LiveProfileBuffer": context.Lock()}}
    length = 200_000
    profile = LiveProfileBuffer(create=True, **shared, profile_capacity=length)
    profile.write_profile(0, 0, np.zeros(length))
    seen: set[float] = set()
    with child(context, run.change_a_record, shared, length) as (_, pipe):
        answer(pipe)
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < 2 or len(seen) <= 5:
            assert seconds < LONG_S
            found = profile.peak_unsorted()[0, -length:]
            assert (found == found[0]).all()
            seen.add(float(found[0]))
    profile.close()
    del profile.lock
    shared.clear()


def test_a_slot_is_marked_before_the_camera_gets_it_and_published_in_order(
    make_video: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    looking: list[VideoBuffer] = []

    def fence() -> None:
        seen.extend((video._ring.sequences[0], video._ring.words[layout.HEAD]) for video in looking)

    monkeypatch.setattr(system, "memory_fence", lambda: fence)
    video = make_video(default_reader=False)
    assert video.begin() is not None
    video.abort()
    looking.append(video)
    assert video.begin() is not None
    assert seen == [(1, 0)]
    video.commit(timestamp_ns=0)
    assert seen == [(1, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.5, 0.0, 1e300])
def test_a_documented_time_comes_back_as_it_was_given(make_video: Make, seconds: float) -> None:
    video = make_video()
    video.write_image_and_timestamp(np.zeros((5, 3), np.uint16), seconds)
    video.write_timestamp(seconds)
    video.begin()
    video.commit(timestamp_ns=2_500_000_000)
    times = [video.read_image()[1] for _ in range(3)]
    np.testing.assert_array_equal(times, [seconds, seconds, 2.5])
