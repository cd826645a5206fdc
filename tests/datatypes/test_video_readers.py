"""Named readers, losses and the ledger, in one process."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from magscope_app.datatypes import BufferOverflow, Gap, ReaderMode, VideoBuffer
from tests.datatypes.frames_for_tests import (
    LONG_S,
    eventually,
    fall_silent,
    is_armed,
    is_whole,
    publish,
    publish_all,
)

Make = Callable[..., VideoBuffer]
LOSSLESS, OVERWRITE, NEWEST = ReaderMode


@pytest.fixture
def video(make_video: Make) -> VideoBuffer:
    return make_video(default_reader=False)


def losses(video: VideoBuffer, where: str) -> list[tuple[int, int]]:
    return [(gap.first_id, gap.count) for gap in video.ledger() if gap.where == where]


def test_batches_are_in_order_in_place_and_end_with_the_ring(video: VideoBuffer) -> None:
    reader = video.reader("tracking", LOSSLESS)
    assert reader.acquire(3) is None
    publish_all(video, range(8))
    with reader.acquire(5) as batch:  # type: ignore[union-attr]  # there are eight
        assert batch.frames.shape == (5, 3, 5)
        assert batch.frames.flags.c_contiguous
        assert not batch.frames.flags.writeable
        assert batch.frame_ids.tolist() == batch.camera_frames.tolist() == [0, 1, 2, 3, 4]
        assert batch.timestamps_ns.tolist() == [0, 1000, 2000, 3000, 4000]
        assert all(is_whole(frame, number) for number, frame in enumerate(batch.frames))
    assert batch.valid.all()
    publish_all(video, range(8, 12))
    sizes = []
    while (batch := reader.acquire(10)) is not None:
        sizes.append(len(batch))
        batch.release()
    assert sizes == [3, 4]
    assert (reader.counters.got, reader.counters.lost, reader.counters.cursor) == (12, 0, 12)


def test_a_zero_copy_write_lands_in_the_ring(video: VideoBuffer) -> None:
    reader = video.reader("look", NEWEST)
    slot = video.begin()
    assert slot is not None
    assert (slot.shape, slot.dtype) == ((3, 5), video.dtype)
    slot[1, 4] = 7
    video.abort()
    assert video.counters().acquired == 0
    with pytest.raises(RuntimeError, match="begin"):
        video.commit(timestamp_ns=0)
    slot = video.begin()
    assert slot is not None
    slot[...] = 0
    slot[1, 4] = 9
    assert video.commit(timestamp_ns=5, device_tick=-3, flags=6, camera_frame=11) == 0
    frame = reader.newest()
    assert frame is not None
    assert (frame.pixels[1, 4], frame.pixels.sum()) == (9, 9)
    assert (frame.frame_id, frame.timestamp_ns, frame.device_tick) == (0, 5, -3)
    assert (frame.flags, frame.camera_frame) == (6, 11)


def test_a_full_ring_refuses_counts_and_shows_the_gap(video: VideoBuffer) -> None:
    reader = video.reader("tracking", LOSSLESS)
    assert publish_all(video, range(10)) == [*range(8), None, None]
    first = reader.acquire(4)
    assert first is not None
    assert publish(video, 10) is None
    first.release()
    assert publish_all(video, range(11, 13)) == [11, 12]
    ids = first.frame_ids.tolist()
    while (batch := reader.acquire(8)) is not None:
        assert all(is_whole(f, int(i)) for f, i in zip(batch.frames, batch.frame_ids, strict=True))
        ids += batch.frame_ids.tolist()
        batch.release()
    assert ids == [*range(8), 11, 12]
    counters = video.counters()
    assert (counters.acquired, counters.lost_ring, counters.next_frame_id) == (10, 3, 13)
    assert losses(video, "ring") == [(8, 3)]
    assert losses(video, "tracking") == []


def test_begin_alone_counts_nothing(video: VideoBuffer) -> None:
    _holding = video.reader("tracking", LOSSLESS)
    publish_all(video, range(8))
    assert [video.begin() for _ in range(5)] == [None] * 5
    assert video.counters().lost_ring == 0
    assert video.refuse(camera_frame=8) == 8
    assert video.counters().lost_ring == 1


def test_an_overwriting_reader_skips_half_a_ring_back_and_books_it(video: VideoBuffer) -> None:
    reader = video.reader("display", OVERWRITE)
    publish_all(video, range(11))
    batch = reader.acquire(100)
    assert batch is not None
    assert batch.frame_ids.tolist() == [7]
    batch.release()
    assert losses(video, "display") == [(0, 7)]
    assert (reader.counters.got, reader.counters.lost, reader.counters.torn) == (1, 7, 0)


def test_release_says_what_was_overwritten_while_in_use(video: VideoBuffer) -> None:
    reader = video.reader("display", OVERWRITE)
    publish_all(video, range(8))
    batch = reader.acquire(4)
    assert batch is not None
    publish_all(video, range(8, 10))
    assert batch.release().tolist() == [False, False, True, True]
    assert batch.release() is batch.valid
    assert (reader.counters.got, reader.counters.lost, reader.counters.torn) == (2, 2, 2)
    assert losses(video, "display") == [(0, 2)]


def test_a_slot_begun_but_not_committed_is_never_returned(video: VideoBuffer) -> None:
    reader = video.reader("display", OVERWRITE)
    publish_all(video, range(8))
    slot = video.begin()
    assert slot is not None
    slot[...] = 12345
    batch = reader.acquire(8)
    assert batch is not None
    assert 0 not in batch.frame_ids
    batch.release()
    assert reader.counters.got + reader.counters.lost == reader.counters.cursor


def test_first_ids_of_a_readers_losses_count_refused_frames(video: VideoBuffer) -> None:
    tracking, display = video.reader("tracking", LOSSLESS), video.reader("display", OVERWRITE)
    publish_all(video, range(10))
    batch = tracking.acquire(8)
    assert batch is not None
    batch.release()
    newer = display.acquire(8)
    assert newer is not None
    newer.release()
    publish_all(video, range(10, 18))
    tracking.close()
    publish_all(video, range(18, 22))
    assert display.acquire(1) is not None
    # Positions 8 to 15 were lost; two frames had been refused before them.
    assert losses(video, "display") == [(10, 8)]


def test_the_cameras_own_jumps_are_counted_apart(video: VideoBuffer) -> None:
    publish_all(video, [3, 4, 7, 8])
    assert video.counters().lost_upstream == 2
    assert losses(video, "camera") == [(2, 2)]
    video.begin_run()
    publish_all(video, [0, 1, 3])
    counters = video.counters()
    assert (counters.acquired, counters.lost_upstream, counters.lost_ring) == (7, 3, 0)
    assert losses(video, "camera") == [(2, 2), (6, 1)]


def test_every_camera_number_is_acquired_lost_upstream_or_lost_in_the_ring(video: VideoBuffer) -> None:
    _holding = video.reader("tracking", LOSSLESS)
    publish_all(video, [*range(6), 8, 9, 10, 13, 14])
    counters = video.counters()
    assert (counters.acquired, counters.lost_ring, counters.lost_upstream) == (8, 3, 4)
    assert counters.acquired + counters.lost_ring + counters.lost_upstream == 15
    assert sum(gap.count for gap in video.ledger()) == 7


def test_a_full_ledger_keeps_the_sum_and_says_so(video: VideoBuffer) -> None:
    for number in range(0, 4400, 2):
        publish(video, number)
    gaps = [gap for gap in video.ledger() if gap.where == "camera"]
    assert sum(gap.count for gap in gaps) == video.counters().lost_upstream == 2199
    assert [gap.count for gap in gaps] == [1] * 2048 + [151]
    assert gaps[-1].first_id == 2049
    assert "several" in gaps[-1].why
    assert gaps[:2] == [Gap(1, 1, "camera", gaps[0].why), Gap(2, 1, "camera", gaps[0].why)]


def test_a_pin_without_a_heartbeat_expires_and_the_gap_is_its_own(make_video: Make) -> None:
    video = make_video(default_reader=False, pin_timeout_s=20.0)
    idle, steady = video.reader("idle", LOSSLESS), video.reader("steady", LOSSLESS)
    publish_all(video, range(8))
    fall_silent(video, idle, 21.0)
    batch = steady.acquire(8)
    assert batch is not None
    batch.release()
    assert publish_all(video, range(8, 20)) == [*range(8, 16), None, None, None, None]
    first = idle.acquire(8)
    assert first is not None
    first.release()
    assert (idle.counters.got + idle.counters.lost, steady.counters.lost) == (idle.counters.cursor, 0)
    [gap] = [gap for gap in video.ledger() if gap.where == "idle"]
    assert "no sign of life" in gap.why


def test_who_lost_its_pin_gets_it_back_at_half_a_ring_and_not_before(make_video: Make) -> None:
    video = make_video(default_reader=False, pin_timeout_s=20.0)
    reader = video.reader("tracking", LOSSLESS)
    publish_all(video, range(8))
    fall_silent(video, reader, 30)
    publish(video, 8)
    for more, pinned in ((4, False), (0, False), (0, False), (0, True)):
        batch = reader.acquire(1)
        assert batch is not None
        batch.release()
        publish_all(video, [-1] * more)
        reader.beat()
        assert video.counters().readers[0].pinned is pinned
    assert video.counters().acquired - reader.counters.position == 4


def test_who_gives_way_first_is_unpinned_at_three_quarters(make_video: Make) -> None:
    video = make_video(default_reader=False, n_stacks=8, unpin_first=("video",))
    recording, tracking = video.reader("video", LOSSLESS), video.reader("tracking", LOSSLESS)
    publish_all(video, range(11))
    assert [status.pinned for status in video.counters().readers] == [True, True]
    publish_all(video, range(11, 14))
    assert {status.name: status.pinned for status in video.counters().readers} == {
        "video": False,
        "tracking": True,
    }
    assert publish_all(video, range(14, 18))[-2:] == [None, None]
    while (batch := tracking.acquire(16)) is not None:
        batch.release()
    assert None not in publish_all(video, range(18, 28))
    late = recording.acquire(16)
    assert late is not None
    late.release()
    # Between its two losses the ring refused the frames 16 and 17.
    assert losses(video, "video") == [(0, 16), (18, 2)]
    assert all("gives way" in gap.why for gap in video.ledger() if gap.where == "video")
    while (batch := recording.acquire(16)) is not None:
        batch.release()
    recording.beat()
    assert all(status.pinned for status in video.counters().readers)


def test_start_says_what_counts_as_lost(video: VideoBuffer) -> None:
    publish_all(video, range(20))
    starts = {start: video.reader(start, OVERWRITE, start=start) for start in ("oldest", "resume", "newest")}
    positions = {name: reader.counters.position for name, reader in starts.items()}
    assert positions == {"oldest": 12, "resume": 16, "newest": 20}
    assert [reader.counters.lost for reader in starts.values()] == [12, 16, 0]
    assert all(reader.counters.got == 0 for reader in starts.values())
    publish(video, 20)
    assert starts["newest"].available == 1
    with pytest.raises(ValueError, match="oldest"):
        video.reader("x", OVERWRITE, start="middle")  # type: ignore[arg-type]  # that is the point


def test_a_closed_reader_is_resumed_and_a_living_one_refused(video: VideoBuffer) -> None:
    reader = video.reader("tracking", LOSSLESS)
    publish_all(video, range(6))
    with pytest.raises(RuntimeError, match="tracking"):
        video.reader("tracking", LOSSLESS)
    batch = reader.acquire(2)
    assert batch is not None
    batch.release()
    reader.close()
    reader.close()
    again = video.reader("tracking", LOSSLESS)
    batch = again.acquire(8)
    assert batch is not None
    assert batch.frame_ids.tolist() == [2, 3, 4, 5]
    batch.release()
    assert video.reader_counters("tracking").got == 6
    with pytest.raises(KeyError, match="tracking"):
        video.reader_counters("nobody")


def test_too_many_readers_and_bad_names_are_refused(video: VideoBuffer) -> None:
    readers = [video.reader(f"reader {n}", OVERWRITE) for n in range(16)]
    with pytest.raises(RuntimeError, match="16 readers"):
        video.reader("one more", OVERWRITE)
    readers[3].close()
    assert video.reader("one more", OVERWRITE).counters.cursor == 0
    for name in ("", "x" * 65, "a\0b"):
        with pytest.raises(ValueError, match="name"):
            video.reader(name, OVERWRITE)


def test_misuse_of_a_reader_is_refused(video: VideoBuffer) -> None:
    publish_all(video, range(4))
    lossless, newest = video.reader("a", LOSSLESS), video.reader("b", NEWEST)
    with pytest.raises(RuntimeError, match="lossless"):
        lossless.newest()
    with pytest.raises(RuntimeError, match="newest"):
        newest.acquire(1)
    with pytest.raises(ValueError, match="at least 1"):
        lossless.acquire(0)
    batch = lossless.acquire(1)
    assert batch is not None
    with pytest.raises(RuntimeError, match="release"):
        lossless.acquire(1)
    with pytest.raises(RuntimeError, match="release"):
        _ = batch.valid


def test_newest_moves_nothing_and_fills_what_it_is_given(video: VideoBuffer) -> None:
    reader, other = video.reader("gui", NEWEST), video.reader("display", OVERWRITE)
    assert reader.newest() is None
    publish_all(video, range(3))
    out = np.zeros((3, 5), np.uint16)
    frame = reader.newest(out)
    assert frame is not None
    assert frame.pixels is out
    assert is_whole(out, 2)
    assert (reader.counters.cursor, reader.available) == (0, 0)
    assert other.newest() is not None
    assert other.available == 3
    publish(video, 3)
    assert reader.wait(0.0)


def test_wait_ends_with_its_timeout(video: VideoBuffer) -> None:
    reader = video.reader("tracking", LOSSLESS)
    before = time.monotonic()
    assert not reader.wait(0.03)
    assert time.monotonic() - before >= 0.03
    publish(video)
    assert reader.wait(0.0)


def test_a_reader_that_is_dropped_holds_nothing_back(video: VideoBuffer) -> None:
    holding = video.reader("tracking", LOSSLESS)
    publish_all(video, range(8))
    assert publish(video, 8) is None
    del holding
    assert publish(video, 9) == 9


def test_a_waiting_reader_is_posted_once_and_only_while_it_waits(make_video: Make) -> None:
    class Counting(threading.Semaphore):
        posts = 0

        def release(self, n: int = 1) -> None:
            self.posts += 1
            super().release(n)

    wake = Counting(0)
    video = make_video(default_reader=False, wakes={"VideoBuffer.tracking": wake})
    reader = video.reader("tracking", LOSSLESS)
    publish(video)
    assert reader.wait(0.0)
    assert wake.posts == 0
    with reader.acquire(1) as _:  # type: ignore[union-attr]  # there is one
        pass
    for number in range(1, 30):
        waiting = threading.Thread(target=reader.wait, args=[LONG_S])
        waiting.start()
        assert eventually(lambda: is_armed(video, reader))
        publish(video, number)
        waiting.join()
        with reader.acquire(1) as _:  # type: ignore[union-attr]  # there is one
            pass
        # It looks anew every tenth of a second: a frame may meet it just then.
        if wake.posts:
            break
    assert wake.posts == 1
    publish(video)
    assert wake.posts == 1


def test_levels(video: VideoBuffer) -> None:
    assert video.level() == 0.0
    fast, slow = video.reader("fast", LOSSLESS), video.reader("slow", LOSSLESS)
    publish_all(video, range(4))
    batch = fast.acquire(3)
    assert batch is not None
    batch.release()
    assert (video.level(), video.level("fast"), video.level("slow")) == (0.5, 1 / 8, 0.5)
    slow.close()
    assert video.level() == 1 / 8


def test_without_the_default_reader_only_named_ones_hold_back(video: VideoBuffer) -> None:
    assert publish_all(video, range(30))[-1] == 29
    for read in (video.get_level, video.read_image, video.peak_stack, video.check_read_stack):
        with pytest.raises(RuntimeError, match="default_reader=False"):
            read()
    _holding = video.reader("tracking", LOSSLESS, start="newest")
    publish_all(video, range(30, 38))
    with pytest.raises(BufferOverflow):
        video.write_timestamp(0.0)


def test_two_handles_of_one_process_can_write_in_turn(make_video: Make) -> None:
    first = make_video()
    second = make_video(create=False)
    ids = [publish(video) for video in (first, second, first, second)]
    assert ids == [0, 1, 2, 3]
    assert first.get_level() == second.get_level() == 0.5
    publish_all(first, [-1] * 5)
    second.read_image()
    assert publish(second) == 9


def test_what_was_validated_counts_even_if_it_is_overwritten_before_release(video: VideoBuffer) -> None:
    reader = video.reader("look", OVERWRITE)
    publish_all(video, range(6))
    batch = reader.acquire(6)
    assert batch is not None
    assert batch.validate().all()
    assert reader.counters.cursor == 0
    publish_all(video, range(6, 6 + video.n_total_images))
    assert batch.release().all()
    assert (reader.counters.got, reader.counters.lost) == (6, 0)


def test_validate_sees_what_was_overwritten(video: VideoBuffer) -> None:
    reader = video.reader("look", OVERWRITE)
    length = video.n_total_images
    publish_all(video, range(length))
    batch = reader.acquire(length)
    assert batch is not None
    publish_all(video, range(length, length + 2))
    assert batch.validate().tolist() == [False] * 2 + [True] * (length - 2)
    assert batch.release().tolist() == [False] * 2 + [True] * (length - 2)
    assert (reader.counters.got, reader.counters.lost, reader.counters.torn) == (length - 2, 2, 2)


@pytest.mark.parametrize(("fps", "missed"), [(100.0, 0), (100.0, 1), (7.3, 250), (400.0, 31)])
def test_what_a_camera_missed_while_it_was_away_is_booked(
    video: VideoBuffer, fps: float, missed: int
) -> None:
    video.begin()
    video.commit(timestamp_ns=5_000_000)
    video.begin_run()
    back_ns = 5_000_000 + round((missed + 1) * 1e9 / fps)
    video.begin()
    assert video.resume_run(timestamp_ns=back_ns, fps=fps) == missed
    assert video.commit(timestamp_ns=back_ns) == 1
    assert video.counters().lost_upstream == missed
    assert losses(video, "camera") == ([(1, missed)] if missed else [])


def test_a_camera_that_comes_back_before_its_first_frame_has_missed_nothing(video: VideoBuffer) -> None:
    video.begin()
    assert video.resume_run(timestamp_ns=10**9, fps=100) == 0


def test_what_is_refused_books_nothing(video: VideoBuffer) -> None:
    publish(video, 3)
    wrong: Any = {"camera_frame": 10}
    slot = video.begin()
    assert slot is not None
    for change in ({"timestamp_ns": 1.5}, {"timestamp_ns": 1, "flags": -1}, {"timestamp_ns": 2**63}):
        with pytest.raises(struct.error):
            video.commit(**{**wrong, **change})
    for number, error in ((1.5, TypeError), ("x", TypeError), (2**63, ValueError)):
        with pytest.raises(error):
            video.refuse(camera_frame=number)  # type: ignore[arg-type]  # that is the point
    for fps in (1e300, 0.0, -5.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="rate"):
            video.resume_run(timestamp_ns=10**15, fps=fps)
    assert video.ledger() == ()
    assert video.commit(timestamp_ns=1, camera_frame=4) == 1
    assert video.ledger() == ()
