"""Drift beside the tracks: raw and corrected are both read, in all parts, and repaired."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.storage import open_dataset
from magscope_app.storage.repairing import repair_dataset
from tests.data.rows import make_rows
from tests.dataset.making import N_BEADS, new_folder, new_tracks


def drift_rows(frames: range) -> list[list[float]]:
    """x goes 2 nm a frame, y stands, z goes 1 nm and tilts; frame 25 is not known."""
    return [
        [frame, 1e7 * frame, 2.0 * frame, 0.0, float(frame), 1e-3, -2e-3, 50.0, 80.0, 3.0]
        for frame in frames
        if frame != 25
    ]


def record(root: Path) -> Path:
    folder = new_folder(root)
    for frames in (range(10, 30), range(30, 50)):
        tracks = new_tracks(folder)
        tracks.append_rows(make_rows(frames, N_BEADS))
        tracks.append_drift(drift_rows(frames))
        tracks.close("completed")
    counts = {"frames_acquired": 40, "frames_tracked": 40, "frames_recorded": 40, "frames_lost": 0}
    folder.finish("completed", counts, [], start_frame_id=10)
    return folder.path


def test_corrected_is_raw_less_the_drift(tmp_path: Path) -> None:
    data = open_dataset(record(tmp_path))
    raw, less, drift = data.tracks(), data.corrected_tracks(), data.drift()
    assert len(drift) == 39
    known = raw["frame_id"] != 25
    frame = raw["frame_id"][known].astype(float)
    np.testing.assert_allclose(less["x_nm"][known], raw["x_nm"][known] - 2 * frame)
    np.testing.assert_array_equal(less["y_nm"][known], raw["y_nm"][known])
    plane = frame + 1e-3 * (raw["x_nm"][known] - 50) - 2e-3 * (raw["y_nm"][known] - 80)
    np.testing.assert_allclose(less["height_nm"][known], raw["height_nm"][known] - plane)
    for name in ("x_nm", "height_nm"):
        assert np.isnan(less[name][~known]).all()
    # The distance from a focus that moves says nothing of the stage.
    np.testing.assert_array_equal(less["z_nm"], raw["z_nm"])
    np.testing.assert_array_equal(less["quality"], raw["quality"])
    one = data.corrected_tracks(1, first_frame=30, stop_frame=32)
    assert one["frame_id"].tolist() == [30, 31]


def test_a_focus_that_follows_the_drift_puts_none_into_z(tmp_path: Path) -> None:
    """With the Z-lock on z stands still, raw and corrected, and so does the corrected height."""
    folder = new_folder(tmp_path)
    rows = make_rows(range(10, 50), 1)
    z, frame, focus = (TRACKS_COLUMNS.index(name) for name in ("z_nm", "frame_id", "focus_nm"))
    rows[:, z] = 500.0
    rows[:, focus] = rows[:, frame] / 0.88
    tracks = new_tracks(folder)
    tracks.append_rows(rows)
    tracks.append_drift(
        [[at, 1e7 * at, 0.0, 0.0, float(at), 0.0, 0.0, 0.0, 0.0, 1.0] for at in range(10, 50)]
    )
    tracks.close("completed")
    folder.finish("completed", {}, [], start_frame_id=10)
    less = open_dataset(folder.path).corrected_tracks()
    np.testing.assert_array_equal(less["z_nm"], 500.0)
    np.testing.assert_allclose(less["height_nm"], less["height_nm"][0])


def test_without_a_focus_z_is_the_height_and_corrected(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    rows = make_rows(range(10, 30), N_BEADS)
    rows[:, TRACKS_COLUMNS.index("focus_nm")] = np.nan
    tracks = new_tracks(folder)
    tracks.append_rows(rows)
    tracks.append_drift([[*row[:5], 0.0, 0.0, *row[7:]] for row in drift_rows(range(10, 25))])
    tracks.close("completed")
    folder.finish("completed", {}, [], start_frame_id=10)
    data = open_dataset(folder.path)
    raw, less = data.tracks(stop_frame=25), data.corrected_tracks(stop_frame=25)
    np.testing.assert_allclose(less["z_nm"], raw["z_nm"] - raw["frame_id"].astype(float))


def test_without_drift_nothing_is_corrected(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    tracks = new_tracks(folder)
    tracks.append_rows(make_rows(range(5), N_BEADS))
    tracks.close("completed")
    folder.finish("completed", {}, [], start_frame_id=0)
    data = open_dataset(folder.path)
    assert len(data.drift()) == 0
    assert np.isnan(data.corrected_tracks()["x_nm"]).all()
    assert np.isfinite(data.tracks()["x_nm"]).all()


def test_repaired_datasets_keep_their_drift(tmp_path: Path) -> None:
    path = record(tmp_path)
    repaired = open_dataset(repair_dataset(path, tmp_path / "repaired").path)
    np.testing.assert_array_equal(repaired.drift(), open_dataset(path).drift())
    height_nm = open_dataset(path).corrected_tracks()["height_nm"]
    np.testing.assert_array_equal(repaired.corrected_tracks()["height_nm"], height_nm)
