"""Every loss stands in the ledger, with its true first id or a word that it is not known."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.datatypes import Gap, ReaderMode, VideoBuffer
from magscope_app.datatypes.frame_ids import in_frame_ids
from magscope_app.datatypes.gaps import Span, Why
from tests.datatypes.frames_for_tests import publish, publish_all

Make = Callable[..., VideoBuffer]
LOSSLESS, OVERWRITE, NEWEST = ReaderMode


@pytest.fixture
def video(make_video: Make) -> VideoBuffer:
    return make_video(default_reader=False)


def losses(video: VideoBuffer, where: str) -> list[tuple[int, int]]:
    return [(gap.first_id, gap.count) for gap in video.ledger() if gap.where == where]


def refuse_one_in_nine(video: VideoBuffer, rounds: int) -> None:
    """Fill the ring of 8, have one frame refused, and read everything; again and again."""
    with video.reader("tracking", LOSSLESS) as reader:
        for _ in range(rounds):
            publish_all(video, [-1] * 9)
            while (batch := reader.acquire(8)) is not None:
                batch.release()


def test_a_hundred_losses_stand_one_by_one_and_later_first_ids_are_true(video: VideoBuffer) -> None:
    refuse_one_in_nine(video, 80)
    display = video.reader("display", OVERWRITE, start="newest")
    first = video.counters().next_frame_id
    assert losses(video, "ring") == [(9 * n + 8, 1) for n in range(80)]
    publish_all(video, [-1] * 20)
    batch = display.acquire(1)
    assert batch is not None
    assert losses(video, "display") == [(first, int(batch.frame_ids[0]) - first)]


def test_a_loss_around_refused_frames_is_told_in_pieces(video: VideoBuffer) -> None:
    display = video.reader("display", OVERWRITE)
    refuse_one_in_nine(video, 3)
    batch = display.acquire(1)
    assert batch is not None
    assert batch.frame_ids.tolist() == [22]
    assert losses(video, "display") == [(0, 8), (9, 8), (18, 4)]
    assert display.counters.lost == 20


def test_beyond_the_table_the_sum_is_exact_and_a_first_id_is_never_wrong(video: VideoBuffer) -> None:
    refuse_one_in_nine(video, 2060)
    display = video.reader("display", OVERWRITE, start="newest")
    refuse_one_in_nine(video, 2)
    batch = display.acquire(8)
    assert batch is not None
    batch.release()
    first_got = int(batch.frame_ids[0])
    refuse_one_in_nine(video, 2)
    *single, merged = [gap for gap in video.ledger() if gap.where == "ring"]
    assert [(gap.first_id, gap.count) for gap in single] == [(9 * n + 8, 1) for n in range(2048)]
    assert (merged.first_id, merged.count) == (9 * 2048 + 8, 16)
    assert "several" in merged.why
    gap = next(gap for gap in video.ledger() if gap.where == "display")
    [status] = [status for status in video.counters().readers if status.name == "display"]
    assert sum(count for _, count in losses(video, "display")) == status.counters.lost + status.overdue
    assert "smallest possible" in gap.why
    assert 9 * 2048 < gap.first_id <= first_got - gap.count
    # Behind the last merged loss ids are exact again.
    publish_all(video, [-1] * 30)
    after = [gap for gap in video.ledger() if gap.where == "display"][-1]
    assert "smallest possible" not in after.why


def test_what_a_silent_reader_will_miss_stands_in_the_ledger_before_it_returns(video: VideoBuffer) -> None:
    display = video.reader("display", OVERWRITE)
    publish_all(video, range(8))
    assert losses(video, "display") == []
    publish_all(video, range(8, 20))
    [status] = video.counters().readers
    assert (status.overdue, status.counters.lost) == (12, 0)
    [gap] = video.ledger()
    assert (gap.first_id, gap.count, gap.where) == (0, 12, "display")
    assert "not come back yet" in gap.why
    batch = display.acquire(1)
    assert batch is not None
    assert losses(video, "display") == [(0, 16)]
    assert video.counters().readers[0].overdue == 0
    display.close()
    publish_all(video, range(20, 60))
    assert losses(video, "display") == [(0, 16)]


def test_the_losses_of_readers_that_are_gone_make_room_and_stay(video: VideoBuffer) -> None:
    publish_all(video, range(30))
    for number in range(20):
        video.reader(f"script {number}", OVERWRITE).close()
    readers = video.counters().readers
    assert len(readers) == 16
    assert "script 0" not in {status.name for status in readers}
    former = [gap for gap in video.ledger() if gap.where == "former readers"]
    assert former == [Gap(0, 26, "former readers", former[0].why)] * 4
    assert sum(gap.count for gap in video.ledger()) == 20 * 26
    for number in range(500):
        video.reader(f"other {number}", OVERWRITE).close()
    assert sum(gap.count for gap in video.ledger()) == 520 * 26
    assert "several" in [gap for gap in video.ledger() if gap.where == "former readers"][-1].why


def test_a_reader_killed_between_booking_a_loss_and_moving_on_loses_nothing_twice(video: VideoBuffer) -> None:
    reader = video.reader("display", OVERWRITE)
    publish_all(video, range(3))
    batch = reader.acquire(3)
    assert batch is not None
    batch.release()
    publish_all(video, range(3, 20))
    # As `acquire` does first; then comes the kill.
    reader._gaps.append(3, 16, Why.LAPPED)
    counters = video.reader_counters("display")
    assert (counters.got, counters.lost, counters.cursor) == (3, 0, 3)
    reader.close()
    with video.reader("display", OVERWRITE) as again:
        assert (again.counters.got, again.counters.lost, again.counters.cursor) == (3, 13, 16)
        batch = again.acquire(8)
        assert batch is not None
        assert batch.frame_ids.tolist() == [16, 17, 18, 19][: len(batch)]
    assert losses(video, "display") == [(3, 13)]


@settings(max_examples=150, deadline=None)
@given(
    fates=st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12),
    ends=st.lists(st.integers(0, 40), min_size=2, max_size=8),
)
def test_losses_by_position_get_the_ids_that_frames_at_these_positions_had(
    fates: list[tuple[int, bool]], ends: list[int]
) -> None:
    """Runs of refused and of accepted frames, and losses anywhere among the accepted ones and behind."""
    accepted: list[int] = []
    refused: list[Span] = []
    next_id = 0
    for count, is_refused in fates:
        if is_refused:
            refused.append(Span(next_id, next_id + count, 0, Why.FULL, 0))
        else:
            accepted += range(next_id, next_id + count)
        next_id += count
    accepted += range(next_id, next_id + 41)
    pairs = itertools.pairwise(sorted(set(ends)))
    lost = [Gap(first, end - first, "display", "x") for first, end in pairs]
    found = list(in_frame_ids(lost, refused))
    ids = [number for gap in found for number in range(gap.first_id, gap.first_id + gap.count)]
    assert ids == [accepted[place] for gap in lost for place in range(gap.first_id, gap.first_id + gap.count)]
    assert {(gap.where, gap.why) for gap in found} <= {("display", "x")}


def test_what_a_reader_passes_over_by_its_own_wish_is_no_loss(video: VideoBuffer) -> None:
    for first in (0, 10, 20):
        publish_all(video, range(first, first + 10))
        for name, mode in (("display", OVERWRITE), ("gui", NEWEST)):
            with video.reader(name, mode, start="newest") as reader:
                counters = reader.counters
                assert counters.position == first + 10
                assert (counters.got, counters.lost, counters.cursor) == (0, 0, 0)
                assert video.reader_counters(name) == counters
    assert video.ledger() == ()
    with video.reader("display", OVERWRITE) as reader:
        publish(video, 30)
        batch = reader.acquire(1)
        assert batch is not None
        batch.release()
        assert (reader.counters.got, reader.counters.lost, reader.counters.cursor) == (1, 0, 1)


def test_wished_skips_are_no_losses_however_many_there_are(video: VideoBuffer) -> None:
    got = 0
    for _ in range(259):
        with video.reader("display", OVERWRITE, start="newest") as reader:
            publish(video)
            batch = reader.acquire(8)
            assert batch is not None
            got += len(batch)
            batch.release()
        publish_all(video, [-1] * 10)
    # The last skip is not wished: the reader goes on where it was, ten frames later in a ring of eight.
    with video.reader("display", OVERWRITE) as reader:
        while (batch := reader.acquire(8)) is not None:
            got += len(batch)
            batch.release()
        assert reader.counters.got == got
        assert (reader.counters.lost, reader.counters.cursor) == (6, got + 6)
    assert video.reader_counters("display").got == got
    assert sum(count for _, count in losses(video, "display")) == 6
