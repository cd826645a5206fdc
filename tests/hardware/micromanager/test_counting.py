"""Numbers of frames only rise, and a jump says how many were lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.micromanager.counting import FrameCounter

MS = 1_000_000


def filled(n: int, interval_ms: int = 10) -> FrameCounter:
    counter = FrameCounter(0, interval_ms * MS)
    for number in range(n):
        elapsed_ns = (number + 1) * interval_ms * MS
        assert counter.count(number, elapsed_ns, elapsed_ns + MS) == number
    return counter


def test_a_gap_in_image_number_is_a_gap_in_the_frame_number() -> None:
    counter = filled(4)
    assert counter.count(9, 100 * MS, 101 * MS) == 9
    assert counter.count(10, 110 * MS, 111 * MS) == 10


def test_without_image_number_the_next_is_taken() -> None:
    counter = FrameCounter(0, 10 * MS)
    assert [counter.count(None, 0, t * MS) for t in (10, 20, 30)] == [0, 1, 2]


def test_a_restart_counts_the_frames_that_would_have_been_made() -> None:
    counter = filled(50)
    # The last frame was made at 500 ms: by 800 ms there would have been 30 more.
    assert counter.restart(800 * MS) == 30
    assert counter.count(0, 10 * MS, 811 * MS) == 80


def test_a_restart_at_once_still_lost_the_frame_that_found_no_place() -> None:
    counter = filled(50)
    assert counter.restart(501 * MS) == 1
    assert counter.count(0, 10 * MS, 512 * MS) == 51


def test_the_interval_is_learned_from_the_camera() -> None:
    counter = FrameCounter(0, 1 * MS)
    for number in range(10):
        counter.count(number, (number + 1) * 20 * MS, (number + 1) * 20 * MS)
    assert counter.interval_ns == pytest.approx(20 * MS)
    assert counter.expected_ns() == pytest.approx(220 * MS)


def test_a_camera_whose_clock_runs_ahead_does_not_delay_the_next_frame() -> None:
    counter = FrameCounter(0, 10 * MS)
    # By its clock a frame was made after it had been read.
    assert counter.count(0, 500 * MS, 11 * MS) == 0
    assert counter.expected_ns() == pytest.approx(22 * MS)
    assert counter.restart(41 * MS) == 3


def test_an_image_number_that_does_not_rise_is_not_believed() -> None:
    counter = filled(4)
    assert [counter.count(number, t * MS, t * MS) for number, t in ((3, 50), (1, 60), (6, 70))] == [4, 5, 6]


@given(
    st.lists(
        st.one_of(st.none(), st.integers(1, 2_000), st.tuples(st.integers(0, 5), st.integers(0, 60))),
        max_size=60,
    )
)
def test_numbers_only_rise(steps: list[int | tuple[int, int] | None]) -> None:
    now_ms, counter, last, number, started_ms = 0, FrameCounter(0, 10 * MS), -1, -1, 0
    for step in steps:
        if isinstance(step, int):
            now_ms += step
            assert counter.restart(now_ms * MS) >= 1
            number, started_ms = -1, now_ms
            continue
        skipped, delay_ms = step or (0, 10)
        number += 1 + skipped
        now_ms += delay_ms
        frame = counter.count(number if step else None, (now_ms - started_ms) * MS, now_ms * MS)
        assert frame > last
        last = frame
