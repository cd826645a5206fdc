"""What the status says while somebody hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from magscope_app.clock import WallAnchor
from magscope_app.datatypes import ReaderMode, Session, VideoBuffer
from magscope_app.processes.status_board import StatusBoard
from tests.datatypes.frames_for_tests import publish_all


@pytest.fixture
def video() -> Iterator[VideoBuffer]:
    """A ring of eight frames."""
    session = Session.create()
    locks = {"VideoBuffer": threading.Lock()}
    ring = VideoBuffer(
        create=True,
        locks=locks,
        n_stacks=4,
        n_images=2,
        width=5,
        height=3,
        bits=16,
        default_reader=False,
    )
    yield ring
    ring.close()
    session.close()


@pytest.fixture
def board(tmp_path: Path) -> StatusBoard:
    return StatusBoard(WallAnchor.measure(), tmp_path)


@pytest.mark.parametrize("has_video", [True, False])
def test_images_that_a_hung_recorder_misses_are_counted_before_it_comes_back(
    has_video: bool, tmp_path: Path, video: VideoBuffer, board: StatusBoard
) -> None:
    reader = video.reader("recording", ReaderMode.OVERWRITE, start="newest")
    board.start_recording(tmp_path, has_video=has_video)
    assert board.counters(video).lost_recording == 0
    publish_all(video, range(20))
    lost = 12 if has_video else 0
    assert board.counters(video).lost_recording == lost
    # It comes back, and what it misses is booked, with a margin.
    reader.acquire(8)
    assert reader.counters.lost == 16
    lost = 16 if has_video else 0
    assert board.counters(video).lost_recording == lost
    reader.close()
    # Dead, it has lost no less.
    assert board.counters(video).lost_recording == lost


def test_the_losses_of_recordings_add_up(tmp_path: Path, video: VideoBuffer, board: StatusBoard) -> None:
    reader = video.reader("recording", ReaderMode.OVERWRITE, start="newest")
    board.start_recording(tmp_path / "one", has_video=True)
    board.counters(video)
    publish_all(video, range(20))
    board.recorded = replace(board.counters(video), frames_recorded=8, frames_left_out=1)
    board.recording = None
    reader.acquire(8)
    board.start_recording(tmp_path / "two", has_video=True)
    # Those of before it are none of its own, and are not forgotten.
    assert board.counters(video).lost_recording == 12
    assert board.counters(video).frames_recorded == 0
    publish_all(video, range(20, 40))
    assert board.counters(video).lost_recording == 12 + 16
    board.recorded = replace(board.recorded, frames_recorded=5, lost_recording=16)
    board.recording = None
    counters = board.run_counters(video)
    assert (counters.lost_recording, counters.frames_recorded, counters.frames_left_out) == (28, 13, 1)
    reader.close()


def test_a_frame_that_tracking_and_the_recorder_miss_is_lost_once(
    tmp_path: Path, video: VideoBuffer, board: StatusBoard
) -> None:
    readers = [video.reader(name, ReaderMode.OVERWRITE, start="newest") for name in ("tracking", "recording")]
    board.start_recording(tmp_path, has_video=True)
    board.counters(video)
    publish_all(video, range(20))
    counters = board.counters(video)
    assert (counters.lost_tracking, counters.lost_recording, counters.frames_lost) == (12, 0, 12)
    # Tracking goes on, the recorder does not.
    batch = readers[0].acquire(8)
    assert batch is not None
    batch.release()
    publish_all(video, range(20, 26))
    counters = board.counters(video)
    assert (counters.lost_tracking, counters.lost_recording, counters.frames_lost) == (16, 2, 18)
    for reader in readers:
        reader.close()


def test_what_is_not_tracked_at_the_end_is_lost(video: VideoBuffer, board: StatusBoard) -> None:
    reader = video.reader("tracking", ReaderMode.OVERWRITE, start="newest")
    publish_all(video, range(20))
    assert board.counters(video).lost_tracking == 12
    assert board.counters(video, tracking_ended=True).lost_tracking == 20
    assert board.run_counters(video).lost_tracking == 20
    reader.close()
