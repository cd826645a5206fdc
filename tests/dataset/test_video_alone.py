"""Recordings of video without tracks: frames, beads and motors are told from the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from magscope_app.cli.main import main
from magscope_app.storage import DatasetFolder, NDTiffStorage, open_dataset
from magscope_app.storage.reading.without_tracks import video_duration_s
from tests.dataset.making import image, new_folder, new_tracks, telemetry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """ROIs of two beads in the frames 10 to 29, a frame each 10 ms, and a motor that reports."""
    folder = new_folder(tmp_path)
    folder.update(beads=[{"id": 3, "role": "tethered"}, {"id": 7, "role": "reference"}])
    tracks = new_tracks(folder)
    tracks.append_telemetry("magnet", telemetry(range(10, 32)))
    tracks.close("completed", events_path=folder.events.path)
    storage = NDTiffStorage(folder.next_video_part())
    for frame_id in range(10, 30):
        for bead_id in (3, 7):
            metadata = {"t_ns": frame_id * 10_000_000 + 200}
            storage.put({"time": frame_id, "bead": bead_id}, image(frame_id), metadata)
    storage.close()
    folder.finish("completed", {"frames_recorded": 20}, [], start_frame_id=10)
    return folder.path


def test_beads_are_those_of_the_list(path: Path) -> None:
    assert open_dataset(path).bead_ids == [3, 7]


def test_telemetry_is_told_for_every_frame_of_the_video(path: Path) -> None:
    data = open_dataset(path)
    times = np.arange(10, 30) * 10_000_000 + 200
    np.testing.assert_array_equal(data.frame_times(), times)
    at_frames = data.telemetry_at_frames("magnet")
    np.testing.assert_array_equal(at_frames["t_ns"], times)
    np.testing.assert_allclose(at_frames["position"], times / 1e9)
    np.testing.assert_array_equal(data.telemetry_at_frames("magnet", list(times)), at_frames)


def test_a_frame_that_does_not_say_when_it_was_has_no_time(path: Path) -> None:
    storage = NDTiffStorage(path / "video" / "0002")
    for frame_id, about in ((30, {}), (31, {"t_ns": "late"}), (32, {"t_ns": 295_000_000}), (5, {"t_ns": 7})):
        storage.put({"time": frame_id}, image(frame_id), about)
    # Another image of a frame, which does not say it again.
    storage.put({"time": 32, "bead": 3}, image(32), {})
    storage.close()
    data = open_dataset(path)
    known = np.arange(10, 30) * 10_000_000 + 200
    np.testing.assert_array_equal(data.frame_times(), [7, *known, np.nan, np.nan, 295_000_000])
    at_frames = data.telemetry_at_frames("magnet")
    assert np.isnan(at_frames["position"][[0, -3, -2]]).all()
    assert at_frames["position"][-1] == pytest.approx(0.295)


def test_info_tells_duration_and_beads(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "duration:  0.190 s" in said
    assert "tracks:    none; 2 beads listed" in said
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["duration_s"] == pytest.approx(0.19)


def test_images_with_other_coordinates_have_the_times_of_their_frames(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    storage = NDTiffStorage(folder.next_video_part())
    for frame_id in (12, 10, 11):
        about = {"frame_id": frame_id, "t_ns": frame_id * 10_000_000}
        storage.put({"frame": f"f{frame_id:05d}"}, image(frame_id), about)
    storage.close()
    folder.finish("completed", {"frames_recorded": 3}, [], start_frame_id=10)
    data = open_dataset(folder.path)
    assert data.frame_times().tolist() == [100_000_000, 110_000_000, 120_000_000]
    assert video_duration_s(data) == pytest.approx(0.02)


def test_a_motor_that_was_silent_is_nowhere_meanwhile(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    tracks = new_tracks(folder)
    t_s = np.concatenate([np.arange(0, 2, 0.1), np.arange(5, 7, 0.1)])
    rows = np.column_stack([t_s * 1e9, t_s, t_s, np.zeros_like(t_s), np.ones_like(t_s)])
    tracks.append_telemetry("magnet", rows)
    tracks.close("completed", events_path=folder.events.path)
    data = open_dataset(folder.path)
    found = data.telemetry_at_frames("magnet", [1.05e9, t_s[19] * 1e9, 1.95e9, 4.99e9, 5e9, t_s[-1] * 1e9])
    np.testing.assert_allclose(found["position"], [1.05, 1.9, np.nan, np.nan, 5.0, t_s[-1]])
    assert np.isnan(found["target"][2:4]).all()


@pytest.mark.parametrize(
    ("mode", "process_fn", "why"),
    [
        ("Video (ROIs)", None, "for want of beads"),
        ("Video (Full)", "m:third", "by the processor"),
        ("Video (ROIs)", "m:third", "by the processor or for want of beads"),
    ],
)
def test_why_images_were_left_out_is_said(
    path: Path, capsys: pytest.CaptureFixture[str], mode: str, process_fn: str | None, why: str
) -> None:
    folder = DatasetFolder.open(path)
    config = {"recording": {"process_fn": process_fn}}
    folder.update(counters={"frames_left_out": 7}, mode=mode, config=config)
    assert main(["info", str(path)]) == 0
    assert f", 7 left out {why}\n" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["left_out"], said["left_out_why"]) == (7, why)
