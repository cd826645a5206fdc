"""Recordings of video without tracks: frames, beads and motors are told from the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from magscope_app.cli.main import main
from magscope_app.storage import NDTiffStorage, open_dataset
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
