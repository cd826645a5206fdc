"""The whole demo with whole frames on the disk: video, tracks, telemetry and truth agree frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magscope_app.storage import Dataset as Recording
from magscope_app.storage import open_dataset
from magscope_app.tracking import ZLUT, Tracker
from tests.line.running import Dataset, require_identities, run


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [15, 60])
def test_everything_agrees_frame_by_frame(seconds: int, tmp_path: Path) -> None:
    done = run(
        *("run", "demo.toml", "--headless", "--duration", str(seconds), "--record", str(tmp_path)),
        *("--set", "recording.mode=Track and Video (Full)", "--set", "tracking.method=qi"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    print(done.stdout)
    require_identities(dataset.counters, dataset.about["ledger"])
    recording = open_dataset(dataset.path)
    ids = recording.frames()["frame_id"].astype(np.int64)
    lost = dataset.counters["lost_recording"]
    stored = recording.video_frame_ids
    assert len(np.intersect1d(ids, stored)) == dataset.counters["frames_recorded"]
    assert len(ids) - len(np.intersect1d(ids, stored)) == lost
    truth = recording.truth()
    assert truth is not None
    assert set(ids.tolist()) <= set(truth["frame_id"].astype(int).tolist())
    _check_tracks(recording, stored)
    assert len(recording.telemetry_at_frames("focus")) == len(ids)


def _check_tracks(recording: Recording, stored: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """Track stored images again: to the last bit the same."""
    zlut = next(iter(recording.zluts.values()))
    rows = recording.tracks()
    with Tracker(64, zlut=ZLUT.load(zlut), method="qi") as tracker:
        for frame_id in stored[:: max(1, len(stored) // 20)]:
            mine = rows[rows["frame_id"] == frame_id]
            assert len(mine) == 20
            image = recording[{"time": int(frame_id)}]
            corners = np.stack([mine["roi_x_px"], mine["roi_y_px"]], axis=1)
            again = tracker.track(image[None], corners.astype(int))
            np.testing.assert_array_equal(again.x_px[0] * 100.0, mine["x_nm"])
            np.testing.assert_array_equal(again.z_nm[0], mine["z_nm"])
