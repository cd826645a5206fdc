"""What the status says while somebody hangs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from magscope_app.clock import WallAnchor
from magscope_app.datatypes import ReaderMode, Session, VideoBuffer
from magscope_app.processes.status_board import StatusBoard
from tests.datatypes.frames_for_tests import publish_all


@pytest.mark.parametrize("has_video", [True, False])
def test_images_that_a_hung_recorder_misses_are_counted_before_it_comes_back(
    has_video: bool, tmp_path: Path
) -> None:
    board = StatusBoard(WallAnchor.measure(), tmp_path)
    session = Session.create()
    locks = {"VideoBuffer": threading.Lock()}
    sizes = {"n_stacks": 4, "n_images": 2, "width": 5, "height": 3, "bits": 16}
    video = VideoBuffer(create=True, locks=locks, **sizes, default_reader=False)  # type: ignore[arg-type]  # one dict
    try:
        reader = video.reader("recording", ReaderMode.OVERWRITE, start="newest")
        board.start_recording(tmp_path, has_video=has_video)
        assert board.counters(video).lost_recording == 0
        publish_all(video, range(20))
        assert board.counters(video).lost_recording == (12 if has_video else 0)
        reader.close()
    finally:
        video.close()
        session.close()
