"""The times of a recording are kept beside the new ones, and can set the pace."""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware.replay.camera import ReplayCamera
from magscope_app.devices import FrameInfo
from tests.hardware.replay.test_replay import FRAMES_8, FRAMES_16, N, context, tiff

#: When the frames were taken, ms: one came late.
TIMES_MS = [1000, 1010, 1020, 1140, 1150, 1160, 1170]


def recording(path: Path, times: list[dict[str, Any]]) -> Path:
    from ndstorage import NDTiffDataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = NDTiffDataset(str(path), name="video", summary_metadata={}, writable=True)
        for index, about in enumerate(times):
            dataset.put_image({"time": index}, FRAMES_16[index], about)
        dataset.finish()
        dataset.close()
    return next(path.rglob("NDTiff.index")).parent


def ours() -> list[dict[str, Any]]:
    return [{"t_ns": at * 1_000_000} for at in TIMES_MS]


def play(path: Path, n: int, **settings: Any) -> list[FrameInfo]:
    replay = ReplayCamera(context(path, settings=settings))
    replay.open()
    replay.start()
    form = replay.format
    buffer = np.empty((form.height_px, form.width_px), form.dtype)
    infos = [replay.read_into(buffer, 5.0) for _ in range(n)]
    replay.close()
    return [info for info in infos if info is not None]


@pytest.mark.parametrize("form", ["ours", "micromanager"])
def test_the_time_of_a_frame_is_its_device_tick(tmp_path: Path, form: str) -> None:
    theirs = [{"ElapsedTime-ms": str(float(at)), "Camera": "x"} for at in TIMES_MS]
    path = recording(tmp_path, ours() if form == "ours" else theirs)
    before_ns = time.perf_counter_ns()
    infos = play(path, N, every_frame=True)
    assert [info.device_tick for info in infos] == [at * 1_000_000 for at in TIMES_MS]
    assert all(info.timestamp_ns >= before_ns for info in infos)


def test_a_recording_without_times_has_no_ticks(tmp_path: Path) -> None:
    path = recording(tmp_path, [{"t_ns": "noon"}, {}])
    assert [info.device_tick for info in play(path, 2, every_frame=True)] == [0, 0]
    assert play(tiff(tmp_path / "stack.tif", FRAMES_8), 1)[0].device_tick == 0


def test_at_the_recorded_rate_a_late_frame_is_late_again(tmp_path: Path) -> None:
    path = recording(tmp_path, ours())
    before_ns = time.perf_counter_ns()
    infos = play(path, N + 3, recorded_rate=True, loop=True)
    # How much later they come on a busy machine is not asserted.
    since_ms = [(info.timestamp_ns - before_ns) * 1e-6 for info in infos]
    due_ms = [at - 1000 for at in TIMES_MS]
    assert all(at >= due for at, due in zip(since_ms, due_ms, strict=False))
    assert infos[N].device_tick == 1_000_000_000


def test_a_reader_that_was_a_little_late_gets_the_frames_it_missed_at_once(tmp_path: Path) -> None:
    replay = ReplayCamera(context(tiff(tmp_path / "stack.tif", FRAMES_8), fps=10.0, settings={"loop": True}))
    replay.open()
    replay.start()
    buffer = np.empty((replay.format.height_px, replay.format.width_px), replay.format.dtype)
    first = replay.read_into(buffer, 5.0)
    time.sleep(0.35)
    # Due at 100, 200 and 300 ms: whoever comes then does not wait. A reader that is more than 1 s late does.
    missed = [replay.read_into(buffer, 0.0) for _ in range(3)]
    replay.close()
    assert first is not None
    assert all(info is not None for info in missed)


def test_where_the_recording_begins_again_the_rate_of_the_config_sets_the_pace(tmp_path: Path) -> None:
    path = recording(tmp_path, [{"t_ns": at * 1_000_000} for at in (1000, 1010, 1020)])
    replay = ReplayCamera(context(path, fps=2.0, settings={"recorded_rate": True, "loop": True}))
    replay.open()
    replay.start()
    buffer = np.empty((replay.format.height_px, replay.format.width_px), replay.format.dtype)
    for _ in range(3):
        assert replay.read_into(buffer, 5.0) is not None
    # From the last frame to the first there is no time in the recording: half a second at 2 frames/s.
    assert replay.read_into(buffer, 0.0) is None
    assert replay.read_into(buffer, 5.0) is not None
    replay.close()


def problem(path: Path, **settings: Any) -> str:
    (found,) = ReplayCamera.problems(context(path, settings=settings))
    assert found.where == "camera.settings.recorded_rate"
    return str(found)


def test_a_rate_that_is_not_recorded_is_refused(tmp_path: Path) -> None:
    assert "does not say when" in problem(tiff(tmp_path / "stack.tif", FRAMES_8), recorded_rate=True)
    assert "contradicts every_frame" in problem(
        recording(tmp_path, ours()), recorded_rate=True, every_frame=True
    )
    assert ReplayCamera.problems(context(tmp_path / "stack.tif", settings={"recorded_rate": False})) == ()


def test_a_dataset_tells_the_significant_bits(tmp_path: Path) -> None:
    recording(tmp_path / "video" / "0001", ours())
    (tmp_path / "dataset.json").write_text(json.dumps({"camera": {"format": {"bits": 12}}}))
    form = ReplayCamera.expected_format(context(tmp_path))
    assert form is not None
    assert form.bits == 12
