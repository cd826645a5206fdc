"""Frames whose every pixel says which frame it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from magscope_app.datatypes import VideoBuffer, VideoReader, layout

#: Nothing that is waited for here takes so long, however busy the computer is.
LONG_S = 60.0


def eventually(condition: Callable[[], object]) -> bool:
    """Wait until something is so; False when it is not after a minute."""
    deadline = time.monotonic() + LONG_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def is_armed(video: VideoBuffer, reader: VideoReader) -> bool:
    """Return True while a reader sleeps until it is posted (or a tenth of a second is over)."""
    return bool(video._ring.words[reader._entry + layout.ARMED])


def fall_silent(video: VideoBuffer, reader: VideoReader, seconds: float) -> None:
    """Make the last sign of life of a reader so old."""
    video._ring.words[reader._entry + layout.BEAT] = time.perf_counter_ns() - round(seconds * 1e9)


def publish(video: VideoBuffer, camera_frame: int = -1) -> int | None:
    """Write one frame full of its own id; None when it was refused."""
    slot = video.begin()
    if slot is None:
        video.refuse(camera_frame=camera_frame)
        return None
    slot[...] = video.counters().next_frame_id % 65521
    return video.commit(timestamp_ns=1000 * camera_frame, camera_frame=camera_frame)


def publish_all(video: VideoBuffer, camera_frames: Iterable[int]) -> list[int | None]:
    return [publish(video, number) for number in camera_frames]


def is_whole(pixels: np.ndarray, frame_id: int) -> bool:
    return bool((pixels == frame_id % 65521).all())
