"""Who is forgotten when a new reader needs an entry, and that nothing is lost or told twice meanwhile."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from magscope_app import operating_system as system
from magscope_app.datatypes import ReaderCounters, ReaderMode, Session, VideoBuffer, layout
from tests.datatypes import processes_for_tests as run
from tests.datatypes.frames_for_tests import LONG_S, publish, publish_all
from tests.datatypes.processes_for_tests import Shared, answer, child

Make = Callable[..., VideoBuffer]
LOSSLESS, OVERWRITE, NEWEST = ReaderMode


class Fence:
    """Stands in for the processor's memory barrier, and does something at a chosen one."""

    def __init__(self) -> None:
        self.left = 0
        self.action: Callable[[], object] = bool

    def at(self, number: int, action: Callable[[], object]) -> None:
        """Do something at the barrier of this number from now on, once."""
        self.left, self.action = number, action

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


@pytest.fixture
def fence(monkeypatch: pytest.MonkeyPatch) -> Fence:
    made = Fence()
    monkeypatch.setattr(system, "memory_fence", lambda: made)
    return made


def names(video: VideoBuffer) -> set[str]:
    return {status.name for status in video.counters().readers}


def told(video: VideoBuffer) -> int:
    return sum(gap.count for gap in video.ledger())


def come_and_go(video: VideoBuffer, count: int, mode: ReaderMode = OVERWRITE) -> None:
    for number in range(count):
        video.reader(f"script {number}", mode).close()


def read_everything(video: VideoBuffer, name: str, mode: ReaderMode) -> None:
    with video.reader(name, mode) as reader:
        while (batch := reader.acquire(8)) is not None:
            batch.release()


def fill_with_losses(video: VideoBuffer) -> None:
    """Let sixteen readers lose something at three times."""
    for _ in range(3):
        publish_all(video, [-1] * 20)
        for number in range(16):
            read_everything(video, f"script {number}", OVERWRITE)


def die() -> None:
    raise SystemExit


# Who goes


def test_who_has_been_silent_for_the_longest_time_goes_first(make_video: Make) -> None:
    video = make_video(default_reader=False)
    publish_all(video, range(30))
    come_and_go(video, 16)
    video.reader("script 0", OVERWRITE).close()
    # One without a loss, which came last.
    video.reader("script 1", OVERWRITE, start="newest").close()
    for number in range(3):
        video.reader(f"other {number}", NEWEST).close()
    assert {f"script {n}" for n in range(16)} - names(video) == {"script 2", "script 3", "script 4"}


def test_a_lossless_reader_goes_after_all_others(make_video: Make) -> None:
    video = make_video(default_reader=False)
    for _ in range(10):
        publish_all(video, [-1] * 8)
        read_everything(video, "tracking", LOSSLESS)
    publish_all(video, [-1] * 2)
    come_and_go(video, 15)
    video.reader("one more", OVERWRITE).close()
    with video.reader("tracking", LOSSLESS) as reader:
        assert (reader.counters.got, reader.counters.lost) == (80, 0)
        batch = reader.acquire(8)
        assert batch is not None
        assert batch.frame_ids.tolist() == [80, 81]
    come_and_go(video, 16, LOSSLESS)
    assert "tracking" not in names(video)


@pytest.mark.parametrize("known_by", ["unpin_first", "wakes"])
def test_a_reader_that_will_come_back_is_not_forgotten(
    make_video: Make, locks: dict[str, threading.Lock], known_by: str
) -> None:
    known = [f"process {n}" for n in range(3)]
    video = make_video(
        default_reader=False,
        unpin_first=tuple(known) if known_by == "unpin_first" else (),
        wakes={f"VideoBuffer.{n}": threading.Semaphore(0) for n in known} if known_by == "wakes" else None,
    )
    for name in known:
        video.reader(name, OVERWRITE).close()
    # A script knows neither of the others nor of their semaphores.
    script = make_video(create=False)
    come_and_go(script, 40)
    assert set(known) <= names(video)


def test_a_reader_is_refused_where_everybody_else_will_come_back(make_video: Make) -> None:
    wakes = {f"VideoBuffer.script {n}": threading.Semaphore(0) for n in range(16)}
    video = make_video(default_reader=False, wakes=wakes)
    publish_all(video, range(30))
    come_and_go(video, 16)
    with pytest.raises(RuntimeError, match="16 readers already, and the 16 that are gone are expected back"):
        video.reader("one more", OVERWRITE)
    assert len(names(video)) == 16
    come_and_go(video, 16)


# A kill in the middle


def test_whoever_is_killed_while_it_makes_room_tells_no_loss_twice(make_video: Make, fence: Fence) -> None:
    video = make_video(default_reader=False)
    fill_with_losses(video)
    total, kills = told(video), 0
    for number in range(1, 30):
        fence.at(number, die)
        try:
            video.reader(f"new {number}", NEWEST).close()
        except SystemExit:
            kills += 1
        fence.left = 0
        assert told(video) == total
        assert len(names(video)) >= 15
    assert kills > 12
    video.reader("new", NEWEST).close()
    assert told(video) == total
    assert {gap.where for gap in video.ledger()} > {"former readers"}


def die_and_miss(video: VideoBuffer, mode: ReaderMode) -> None:
    """Let a reader get one frame, be killed, and miss the next 26."""
    reader = video.reader("dead", mode)
    publish_all(video, [-1] * 8)
    batch = reader.acquire(1)
    assert batch is not None
    batch.release()
    words, entry = video._ring.words, reader._entry
    words[entry + layout.PID], words[entry + layout.START] = 2**22 + 5, 1
    publish_all(video, [-1] * 27)


def join_without_losses(video: VideoBuffer, count: int, name: str) -> None:
    for number in range(count):
        video.reader(f"{name} {number}", LOSSLESS, start="newest").close()


def look(video: VideoBuffer, seen: list[int]) -> None:
    seen.append(told(video))


@pytest.mark.parametrize("mode", [LOSSLESS, OVERWRITE])
def test_what_a_dead_reader_was_going_to_miss_is_told_for_ever(
    make_video: Make, fence: Fence, mode: ReaderMode
) -> None:
    seen: list[int] = []
    for number in range(1, 20):
        video = make_video(default_reader=False)
        die_and_miss(video, mode)
        join_without_losses(video, 15, "first")
        assert told(video) == 26
        # Another looks at that barrier, or whoever makes room is killed there.
        fence.at(number, partial(look, video, seen) if number % 2 else die)
        with contextlib.suppress(SystemExit):
            join_without_losses(video, 16, "second")
        fence.left = 0
        assert told(video) == 26
        join_without_losses(video, 16, "third")
        assert {(gap.where, gap.first_id, gap.count) for gap in video.ledger()} == {("former readers", 1, 26)}
        video.close()
    assert set(seen) == {26}


# Observers


def lose_something(video: VideoBuffer) -> None:
    """Give all entries to scripts that come too late for most frames and read the rest."""
    publish_all(video, [-1] * 20)
    for number in range(16):
        read_everything(video, f"script {number}", OVERWRITE)


def forget_them(video: VideoBuffer, fence: Fence, number: int) -> None:
    """Give their entries to others; every third time be killed while making room for one of them."""
    killed_at = number % 16 if number % 3 == 0 else 16
    for place in range(min(killed_at + 1, 16)):
        fence.at(1 + number // 3 % 25 if place == killed_at else 0, die)
        with contextlib.suppress(SystemExit):
            video.reader(f"é {place}", NEWEST).close()
    fence.left = 0
    # Whoever was killed does not run any more, unlike this process.
    for index in video._ring.used_entries():
        video._ring.unregister(index)


def counts(video: VideoBuffer) -> dict[str, ReaderCounters]:
    return {status.name: status.counters for status in video.counters().readers}


LOOKS: dict[str, Callable[[VideoBuffer], Any]] = {
    "losses": told,
    "statuses": counts,
    "counters": lambda video: video.reader_counters("script 7"),
    "level": lambda video: video.level("script 7"),
}


@pytest.mark.parametrize("what", LOOKS)
def test_what_an_observer_sees_is_whole_while_entries_change_hands(
    make_video: Make, fence: Fence, what: str
) -> None:
    video, look = make_video(default_reader=False), LOOKS[what]
    lose_something(video)
    fence.left = 0
    look(video)
    barriers = -fence.left
    assert barriers > 2
    for number in {*range(1, barriers, 7), *range(max(1, barriers - 12), barriers + 1)}:
        lose_something(video)
        before, found = look(video), cast("Any", None)
        fence.at(number, partial(forget_them, video, fence, number))
        with contextlib.suppress(KeyError):
            found = look(video)
        assert "é 0" in counts(video) or number % 16 == 0
        if what == "statuses":
            for name, seen in found.items():
                counted = (seen.cursor, seen.got, seen.lost)
                assert seen == before[name] if name in before else counted == (0, 0, 0)
        elif what == "losses":
            assert found == before
        else:
            assert found in (None, before)


def test_a_loss_is_told_as_overdue_or_as_booked(make_video: Make, fence: Fence) -> None:
    video = make_video(default_reader=False)
    reader = video.reader("display", OVERWRITE)

    def come_back() -> None:
        batch = reader.acquire(1)
        assert batch is not None
        batch.release()

    found_before, found_after = 0, 0
    for number in range(1, 40):
        publish_all(video, [-1] * 20)
        before = told(video)
        fence.at(number, come_back)
        found = told(video)
        fence.left = 0
        after = told(video)
        assert found in (before, after)
        found_before += found == before != after
        found_after += found == after != before
    assert found_before > 3
    assert found_after > 3


def test_observers_meet_no_error_while_readers_come_and_go(session: Session) -> None:
    context = multiprocessing.get_context("spawn")
    shared: Shared = {"locks": {"VideoBuffer": context.Lock()}}
    video = VideoBuffer(
        create=True, **shared, n_stacks=4, n_images=2, width=5, height=3, bits=16, default_reader=False
    )
    publish_all(video, range(30))
    with child(context, run.join_for_ever, shared) as (_, pipe):
        answer(pipe)
        before, looks, began = 0, 0, time.monotonic()
        while (seconds := time.monotonic() - began) < 1 or looks <= 10:
            assert seconds < LONG_S
            assert len(names(video)) <= 16
            lost = told(video)
            assert before <= lost
            assert lost % 26 == 0
            before, looks = lost, looks + 1
    assert publish(video, 30) == 30
    video.close()
    del video.lock
    shared.clear()
