"""What was acknowledged before kill -9 is read back, by reading and by repairing."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from magscope_app.storage import Dataset, open_dataset
from magscope_app.storage.repairing import repair_dataset
from tests.data.rows import make_rows
from tests.dataset.making import N_BEADS, fingerprint, image, pixels, record_until_killed, telemetry

_START_S = 60.0


def record_and_kill(root: Path, seed: int) -> tuple[Path, int, int]:
    """Return the dataset and the numbers of frames and images that were acknowledged."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=record_until_killed, args=(str(root), send))
    child.start()
    send.close()
    try:
        assert receive.poll(_START_S)
        acknowledged: tuple[str, int, int] = receive.recv()
        end = time.monotonic() + random.Random(seed).uniform(0.0, 0.25)
        while (left := end - time.monotonic()) > 0:
            if receive.poll(left):
                acknowledged = receive.recv()
    finally:
        child.kill()
        child.join(_START_S)
    while receive.poll(0.0):
        try:
            acknowledged = receive.recv()
        except EOFError:
            break
    receive.close()
    child.close()
    return Path(acknowledged[0]), acknowledged[1], acknowledged[2]


def check(data: Dataset, n_frames: int, n_images: int) -> None:
    tracks, frames = data.tracks(), data.frames()
    assert len(frames) >= n_frames
    expected = make_rows(range(len(frames)), N_BEADS)
    for column, name in enumerate(("frame_id", "t_ns", "x_nm", "y_nm", "z_nm", "bead_id")):
        assert np.array_equal(tracks[name], expected[:, column]), name
    rows = data.telemetry("magnet")
    assert len(rows) * 2 >= n_frames
    assert np.array_equal(rows["position"], telemetry(range(2 * len(rows)))[:, 1])
    ids = data.video_frame_ids
    assert len(ids) >= n_images
    assert np.array_equal(ids, np.arange(len(ids)))
    if len(ids):
        assert np.array_equal(pixels(data.video), [image(frame_id) for frame_id in range(len(ids))])
        assert data.get_metadata({"time": 0}) == {"frame_id": 0}


def kill_and_read(root: Path, seed: int) -> None:
    path, n_frames, n_images = record_and_kill(root, seed)
    before = fingerprint(path)
    data = open_dataset(path)
    assert data.exit_status == "running"
    check(data, n_frames, n_images)
    report = repair_dataset(path)
    assert fingerprint(path) == before
    repaired = open_dataset(report.path)
    check(repaired, n_frames, n_images)
    assert repaired.exit_status == "interrupted"
    counters = repaired.counters
    assert counters["frames_acquired"] == counters["frames_tracked"] + counters["lost_tracking"]
    assert counters["frames_recorded"] >= min(n_frames, n_images)
    assert sum(entry["count"] for entry in repaired.ledger) == counters["frames_lost"]
    assert repaired.problems() == []
    if n_images:
        stack = tifffile.imread(report.path / "video" / "0001" / "NDTiffStack.tif")
        assert np.array_equal(stack[n_images - 1], image(n_images - 1))


@pytest.mark.parametrize("seed", range(5))
def test_kill_at_a_random_instant(tmp_path: Path, seed: int) -> None:
    kill_and_read(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_kill_at_many_random_instants(tmp_path: Path, seed: int) -> None:
    kill_and_read(tmp_path, seed)
