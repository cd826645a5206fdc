"""Frames that are lost on purpose: every identity of the counters holds exactly."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.line.running import SMALL, Dataset, require_identities, run, running


def test_drops_in_the_camera_are_counted(tmp_path: Path) -> None:
    faults = "simulation.faults=[{kind='drop_frames', at_frame=20, count=3, every=50}]"
    done = run(
        "run",
        "demo.toml",
        "--headless",
        "--duration",
        "2",
        "--record",
        str(tmp_path),
        "--set",
        faults,
        *SMALL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    counters, ledger = dataset.counters, dataset.about["ledger"]
    require_identities(counters, ledger)
    # The simulated camera may lose frames of itself on a busy machine.
    assert [gap["count"] for gap in ledger if gap["where"] == "camera"].count(3) >= 3
    assert counters["lost_ring"] == 0
    losses = [event for event in dataset.events() if event["kind"] == "loss"]
    assert len(losses) == len(ledger)
    assert f"{counters['frames_lost']} lost" in done.stdout
    assert "by the camera or its driver" in done.stdout + done.stderr


@pytest.mark.parametrize("pause_s", [0.45, pytest.param(1.8, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_drops_in_the_ring_are_counted(pause_s: float, tmp_path: Path) -> None:
    """A tracker that stops for a moment fills the ring; one that stops for longer is left behind."""
    ring = ("--set", "buffer.seconds=0.3", "--set", "buffer.n_images=8")
    with running(
        "demo.toml", "--headless", "--duration", "3.5", "--record", str(tmp_path), *ring, *SMALL
    ) as line:
        line.wait_for("beads found")
        time.sleep(0.5)
        tracking = line.child("tracking")
        tracking.suspend()
        time.sleep(pause_s)
        tracking.resume()
        assert line.process.wait(30) == 0, line.output
    dataset = Dataset.only(tmp_path)
    counters, ledger = dataset.counters, dataset.about["ledger"]
    require_identities(counters, ledger)
    assert counters["lost_ring"] > 0
    assert (counters["lost_tracking"] > 0) == (pause_s > 1.0)
    ids = dataset.column("tracking/frame_ids").astype(int)
    assert len(ids) == counters["frames_recorded"]
    lost = [
        frame_id
        for gap in ledger
        if gap["where"] != "camera"
        for frame_id in range(gap["first_id"], gap["first_id"] + gap["count"])
    ]
    everything = np.sort(np.concatenate([ids, np.array(lost, int)]))
    np.testing.assert_array_equal(everything, np.arange(everything[-1] + 1))
