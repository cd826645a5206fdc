from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hardware.simulated.camera_faults import CameraFaults
from hardware.simulated.schedule import BUFFER_FRAMES, FrameSchedule
from magscope_app.config import FaultEntry

MS = 1_000_000


def taken(schedule: FrameSchedule, now_ns: int) -> list[int]:
    frames = []
    while (frame := schedule.take(now_ns)) is not None:
        frames.append(frame)
    return frames


def test_frames_come_when_their_time_is_over() -> None:
    schedule = FrameSchedule(100.0, 5 * MS)
    assert schedule.take(14 * MS) is None
    assert schedule.next_due_ns() == 15 * MS
    assert schedule.take(15 * MS) == 0
    assert schedule.take(15 * MS) is None
    assert taken(schedule, 40 * MS) == [1, 2]
    assert schedule.due_ns(2) == 35 * MS


def test_a_late_caller_gets_what_the_buffer_held_and_sees_what_it_did_not() -> None:
    schedule = FrameSchedule(1000.0, 0)
    assert taken(schedule, 200 * MS) == list(range(BUFFER_FRAMES))
    assert taken(schedule, 202 * MS) == [200, 201]


def test_a_buffer_that_is_read_slowly_fills_up_once() -> None:
    schedule = FrameSchedule(1000.0, 0)
    assert schedule.take(60 * MS) == 0
    assert taken(schedule, 100 * MS) == list(range(1, 65))


@given(st.integers(1, 30), st.integers(1, 5), st.none() | st.integers(6, 20))
def test_dropped_frames_are_missing_and_no_others(at_frame: int, count: int, every: int | None) -> None:
    fault = FaultEntry(kind="drop_frames", at_frame=at_frame, count=count, every=every)
    at_once = FrameSchedule(100.0, 0, CameraFaults([fault]))
    seen = [frame for _ in range(60) if (frame := at_once.take_at_once(0)) is not None]
    assert len(seen) == 60
    starts = range(at_frame, seen[-1] + 1, every) if every else [at_frame]
    dropped = {start + i for start in starts for i in range(count)}
    assert seen == [frame for frame in range(seen[-1] + 1) if frame not in dropped]
    timed = FrameSchedule(1000.0, 0, CameraFaults([fault]))
    assert [frame for ms in range(1, 61) for frame in taken(timed, ms * MS)] == [n for n in seen if n < 60]


def test_in_a_stall_frames_pile_up_and_those_that_do_not_fit_are_lost() -> None:
    stall = FaultEntry(kind="stall", at_frame=5, duration_s=0.1, every=150)
    schedule = FrameSchedule(1000.0, 0, CameraFaults([stall]))
    assert taken(schedule, 50 * MS) == [0, 1, 2, 3, 4]
    assert schedule.next_due_ns() == 106 * MS
    assert taken(schedule, 105 * MS) == []
    assert taken(schedule, 106 * MS) == list(range(5, 5 + BUFFER_FRAMES))
    assert taken(schedule, 110 * MS) == [106, 107, 108, 109]
    assert taken(schedule, 160 * MS) == list(range(110, 155))
    assert taken(schedule, 250 * MS) == []
    assert taken(schedule, 256 * MS)[0] == 155
