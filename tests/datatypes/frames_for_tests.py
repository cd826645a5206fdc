"""Frames whose every pixel says which frame it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from magscope_app.datatypes import VideoBuffer


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
