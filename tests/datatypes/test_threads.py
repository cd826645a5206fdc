"""Several threads of one process write through one handle."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from magscope_app.datatypes import ReaderMode, VideoBuffer

FRAMES = 300


def test_images_of_several_threads_stay_whole_with_their_times(
    make_video: Callable[..., VideoBuffer],
) -> None:
    sizes = {"n_stacks": FRAMES, "n_images": 3, "width": 64, "height": 48, "bits": 8}
    video = make_video(default_reader=False, **sizes)
    reader = video.reader("recording", ReaderMode.OVERWRITE)

    def write(value: int) -> None:
        image = np.full((64, 48), value, np.uint8)
        for _ in range(FRAMES):
            video.write_image_and_timestamp(image, float(value))

    threads = [threading.Thread(target=write, args=(value,)) for value in (1, 2, 3)]
    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(pause)
    assert video.counters().acquired == 3 * FRAMES
    batch = reader.acquire(3 * FRAMES)
    assert batch is not None
    assert (batch.frames == batch.seconds[:, None, None]).all()
    values, counts = np.unique(batch.seconds, return_counts=True)
    assert (values.tolist(), counts.tolist()) == ([1.0, 2.0, 3.0], [FRAMES] * 3)
    assert batch.release().all()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64, np.uint64])
def test_a_number_of_frames_may_be_numpys(
    make_video: Callable[..., VideoBuffer], kind: Callable[[int], int]
) -> None:
    video = make_video(default_reader=False, n_stacks=200)
    reader = video.reader("recording", ReaderMode.OVERWRITE)
    for number in range(300):
        video.write_timestamp(float(number))
        if number >= 290:
            continue
        batch = reader.acquire(kind(1))
        assert batch is not None
        assert batch.seconds.tolist() == [number]
        assert batch.release().all()
    batch = reader.acquire(kind(100))
    assert batch is not None
    assert len(batch) == 10
    batch.release()
    assert (reader.counters.got, reader.counters.lost) == (300, 0)
