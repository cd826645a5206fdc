"""Recording: parts, a processor of the user's own, a disk that fills up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.line.running import SMALL, Dataset, lost_here, require_identities, run

PROCESSOR = """
def every_other(coordinates, data, metadata):
    if coordinates.time % 2:
        return None
    data[:10] = 0
    return coordinates, data, metadata
"""


@pytest.mark.slow
def test_files_go_on_in_parts(tmp_path: Path) -> None:
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "3", "--record", str(tmp_path)),
        *("--set", "recording.mode=Track and Video (ROIs)", "--set", "recording.rotate_minutes=0.01"),
        *SMALL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path)
    require_identities(dataset.counters, dataset.about["ledger"])
    assert lost_here(dataset.counters) == 0
    files = sorted(path.name for path in dataset.path.glob("tracks*.h5"))
    assert len(files) >= 4
    assert files[:2] == ["tracks-0002.h5", "tracks-0003.h5"]
    ids = np.concatenate([dataset.column("tracking/frame_ids", file) for file in [files[-1], *files[:-1]]])
    np.testing.assert_array_equal(ids, np.arange(dataset.counters["frames_recorded"]))
    assert len(list((dataset.path / "video").iterdir())) >= 4


@pytest.mark.slow
def test_a_processor_of_ones_own_sees_every_image(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PROCESSOR)
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "1", "--record", str(tmp_path / "out")),
        *("--set", "recording.mode=Track and Video (Full)", "--set", "recording.process_fn=mine:every_other"),
        *("--set", f"drivers.path=['{tmp_path.as_posix()}']"),
        *SMALL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(tmp_path / "out")
    assert lost_here(dataset.counters) == 0
    assert dataset.counters["frames_left_out"] == dataset.counters["frames_recorded"] // 2
    require_identities(dataset.counters, dataset.about["ledger"])
    from ndstorage import Dataset as NDTiffDataset

    video = NDTiffDataset(str(dataset.path / "video" / "0001"))
    try:
        times = sorted(coordinates["time"] for coordinates in video.get_image_coordinates_list())
        image = video.read_image(time=times[0])
    finally:
        video.close()
    assert times == list(range(0, dataset.counters["frames_recorded"], 2))
    assert not image[:10].any()
    assert image[10:].all()
    # Tracking saw the camera's image, not the processor's.
    assert np.isfinite(dataset.column("tracking/positions_nm")).all()


@pytest.mark.slow
def test_a_processor_that_fails_costs_the_video_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def fail(coordinates, data, metadata):\n"
        "    if coordinates.time == 20:\n"
        "        raise ValueError('bad frame')\n"
        "    return coordinates, data, metadata\n"
    )
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "1", "--record", str(tmp_path / "out")),
        *("--set", "recording.mode=Track and Video (Full)", "--set", "recording.process_fn=mine:fail"),
        *("--set", f"drivers.path=['{tmp_path.as_posix()}']"),
        *SMALL,
    )
    assert done.returncode == 1
    dataset = Dataset.only(tmp_path / "out")
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["frames_tracked"] >= 95
    assert dataset.about["exit_status"] == "failed"
    (error,) = dataset.about["errors"]
    assert "video has stopped: ValueError: bad frame" in error
    assert "20" in error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a disk of 300 MB; only root on Linux can make one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can make a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_video_stops_before_the_disk_is_full_and_tracks_go_on(small_disk: Path) -> None:
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "4", "--record", str(small_disk)),
        *("--set", "recording.mode=Track and Video (Full)"),
    )
    assert done.returncode == 1
    assert "is nearly full; tracks go on" in done.stdout, done.stdout
    dataset = Dataset.only(small_disk)
    assert dataset.about["exit_status"] == "failed"
    # A busy machine costs the simulated camera frames, too.
    recorded = [gap for gap in dataset.about["ledger"] if gap["where"] == "recording"]
    assert {gap["why"] for gap in recorded} == set(dataset.about["errors"])
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["lost_recording"] > 50
    assert len(dataset.column("tracking/frame_ids")) == dataset.counters["frames_tracked"]
    assert [event for event in dataset.events() if event["kind"] == "video ended"]


def test_a_full_disk_ends_the_recording_in_words(small_disk: Path) -> None:
    done = run(
        *("run", "demo.toml", "--headless", "--duration", "3", "--record", str(small_disk)),
        *("--set", "recording.mode=Video (Full)"),
    )
    assert done.returncode == 1
    assert "video has stopped: the disk of" in done.stderr
    dataset = Dataset.only(small_disk)
    assert dataset.about["exit_status"] == "failed"
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["frames_recorded"] > 20
