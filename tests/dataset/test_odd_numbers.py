"""Numbers in damaged files that cannot be: said in a sentence, and the rest is kept."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from magscope_app.cli.info import info
from magscope_app.errors import MagscopeError
from magscope_app.storage import NDTiffStorage, open_dataset
from magscope_app.storage.repairing import repair_dataset
from tests.dataset.making import image, make_dataset


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_dataset(tmp_path)


def add_image(path: Path, frame_id: int) -> None:
    """Add an image of a frame that no recording has."""
    storage = NDTiffStorage(path / "video/0003")
    storage.put({"time": frame_id}, image(frame_id), {"frame_id": frame_id})
    storage.close()


def replace(path: Path, name: str, content: Any) -> None:
    with h5py.File(path / "tracks.h5", "r+") as file:
        del file[name]
        file[name] = content


@pytest.mark.parametrize("frame_id", [2**40, 2**62, 2**62 + 5, 2**63 - 1, 2**70])
@pytest.mark.parametrize("status", ["running", "completed"])
def test_images_with_ids_that_cannot_be_are_kept_and_not_counted(
    path: Path, frame_id: int, status: str
) -> None:
    about = json.loads((path / "dataset.json").read_text())
    about["exit_status"] = status
    about["counters"]["frames_left_out"] = 3
    about["ledger"].append({"first_id": 60, "count": 2**61, "where": "recording", "why": "damage"})
    (path / "dataset.json").write_text(json.dumps(about))
    add_image(path, frame_id)
    assert info(path) == 0
    report = repair_dataset(path)
    if frame_id < 2**63:
        assert "1 frames have ids that cannot be right: they are kept, but not counted" in report.notes
    repaired = open_dataset(report.path)
    assert repaired.counters["frames_acquired"] == 80
    assert 69 in repaired.video_frame_ids
    assert repaired[{"time": frame_id}].shape == repaired[{"time": 69}].shape


def test_tracks_with_ids_that_cannot_be_are_said_and_the_rest_is_kept(path: Path) -> None:
    ids = np.arange(10, 50, dtype=np.uint64)
    ids[30:] += np.uint64(2**62)
    replace(path, "tracking/frame_ids", ids)
    assert info(path) == 0
    report = repair_dataset(path)
    assert "10 frames of tracks.h5 cannot be read" in report.notes
    repaired = open_dataset(report.path)
    assert repaired.frames()["frame_id"].tolist() == [*range(10, 40), *range(50, 90)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tracking/frame_offsets", np.full(41, 1e300)),
        ("tracking/frame_offsets", np.full(41, np.nan)),
        ("tracking/frame_ids", np.full(40, np.nan)),
        ("tracking/frame_session_ns", np.full(40, 1e300)),
        ("tracking/bead_ids", np.full(120, -1.0)),
        ("tracking/roi_positions_px", np.full((120, 2), np.inf)),
    ],
)
def test_numbers_that_fit_nowhere_give_no_warning(path: Path, name: str, content: Any) -> None:
    replace(path, name, content)
    data = open_dataset(path)
    for read in (data.tracks, data.frames, data.problems, lambda: info(path), lambda: repair_dataset(path)):
        with contextlib.suppress(MagscopeError):
            read()
