"""Disks and functions of the user's own that fail under a recording: said, counted, and tracks go on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from magscope_app.cli import main
from magscope_app.devices import FrameFormat
from magscope_app.messages import RecordingFinished
from magscope_app.processes.recording_text import recording_text
from magscope_app.storage import open_dataset
from magscope_app.storage.repairing import repair_dataset
from tests.line import feeding
from tests.line.feeding import fed_recorder
from tests.line.running import Dataset, require_identities

FULL = "Track and Video (Full)"
MINE = """
import time
from magscope_app.data import DataStorage

class Slow(DataStorage):
    def __init__(self, directory):
        self.stored = set()

    def put(self, coordinates, data, metadata):
        time.sleep(0.01)
        self.stored.add(coordinates["time"])

    def get_data(self, coordinates):
        raise KeyError(coordinates)

    get_metadata = get_data

    def finish(self):
        pass

    close = finish

    def __contains__(self, coordinates):
        return coordinates["time"] in self.stored

class Writes(Slow):
    def __init__(self, directory):
        super().__init__(directory)
        self.directory = directory

    def put(self, coordinates, data, metadata):
        super().put(coordinates, data, metadata)
        data.tofile(self.directory / str(coordinates["time"]))

def endless(coordinates, data, metadata):
    while coordinates.time == 10:
        pass
    return coordinates, data, metadata
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "disks.py").write_text(MINE)
    return f"drivers.path=['{tmp_path.as_posix()}']"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk that cannot be written; rights do not keep root from writing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_read_only_disk_is_said_before_and_while_the_line_runs(
    read_only: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "demo.toml", "--headless", "--record", str(read_only)]) == 2
    assert "cannot be written to; choose a folder of your own" in capsys.readouterr().err
    with fed_recorder() as rig:
        rig.order(read_only / "out", FULL)
        assert "the recording was not started" in rig.refusal()
        rig.record(tmp_path / "out", FULL)
        rig.feed(5)
        assert rig.stop().exit_status == "completed"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a disk of 260 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=260m", "tmpfs", str(folder)], check=False
    ).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Take every byte, as another program does."""
    with (disk / "other").open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


@pytest.mark.parametrize(
    "mode", [FULL, *(pytest.param(one, marks=pytest.mark.slow) for one in ("Track", "Video (Full)"))]
)
def test_a_disk_that_others_fill_to_the_last_byte_ends_the_recording_and_what_is_missing_is_said(
    small: Path, tmp_path: Path, mode: str
) -> None:
    with fed_recorder() as rig:
        path = rig.record(small / "out", mode)
        rig.feed(40)
        rig.await_recorded(30)
        # As one: HDF5 does not survive a disk that fills while its file is being closed.
        with rig.stopped():
            fill(small)
        rig.feed(30)
        finished = rig.hear(RecordingFinished)
    dataset = open_dataset(path)
    require_identities(dataset.counters, dataset.ledger)
    assert dataset.exit_status == finished.exit_status == "failed"
    assert dataset.counters["frames_recorded"] == finished.counters.frames_recorded >= 30
    assert dataset.counters["lost_recording"] == finished.counters.lost_recording
    assert dataset.problems() == []
    assert any("full" in error for error in dataset.description["errors"])
    assert {path.name for path in path.iterdir() if path.name.startswith(".")} == set()
    repaired = open_dataset(repair_dataset(path, tmp_path / "copy").path)
    assert (repaired.counters, repaired.problems()) == (dataset.counters, [])


@pytest.mark.slow
def test_images_that_wait_for_a_slow_disk_leave_the_tracks_their_room(
    small: Path, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "FORMAT", FrameFormat(1024, 1024, 8))
    with fed_recorder(mine, "recording.storage=disks:Writes", "buffer.seconds=0.5") as rig:
        path = rig.record(small / "out", FULL)
        for _ in range(10):
            rig.feed(25)
            rig.await_rows(rig.next_id - 1)
        finished = rig.stop()
    assert "is nearly full" in finished.error
    assert len(open_dataset(path).frames()) == finished.counters.frames_tracked == 250
    assert 50 < finished.counters.frames_recorded < 125
    # The limit less what is written between two looks.
    assert shutil.disk_usage(small).free > 120_000_000


def test_a_folder_deleted_while_it_is_recorded_is_said_and_the_next_recording_is_sound(
    tmp_path: Path,
) -> None:
    with fed_recorder() as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(20)
        rig.await_recorded(10)
        shutil.rmtree(path)
        rig.feed(30)
        finished = rig.stop()
        assert finished.exit_status == "failed"
        assert finished.error == f"the folder {path} was deleted or moved: start another recording"
        said = recording_text(finished, path)
        assert said.startswith(f"recording has ended (failed): the folder {path} was deleted or moved, ")
        rig.record(tmp_path / "out", FULL)
        rig.feed(10)
        assert rig.stop().exit_status == "completed"
    dataset = Dataset.only(tmp_path / "out")
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["frames_recorded"] == 10


def test_a_slow_disk_is_waited_for_and_rows_do_not_wait(tmp_path: Path, mine: str) -> None:
    with fed_recorder(mine, "recording.storage=disks:Slow", "buffer.seconds=0.5") as rig:
        path = rig.record(tmp_path / "out", FULL)
        for _ in range(8):
            rig.feed(25)
            # Far more than the ring holds, and far faster than the disk.
            rig.await_rows(rig.next_id - 1)
        finished = rig.stop()
    dataset = Dataset(path, Dataset.only(tmp_path / "out").about)
    counters = dataset.counters
    require_identities(counters, dataset.about["ledger"])
    assert counters["frames_tracked"] == len(open_dataset(path).frames()) == 200
    assert counters["frames_recorded"] == 200
    assert finished.exit_status == "completed"


@pytest.mark.slow
def test_a_processor_in_an_endless_loop_costs_the_video_alone(tmp_path: Path, mine: str) -> None:
    with fed_recorder(mine, "recording.process_fn=disks:endless") as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(40)
        finished = rig.stop()
        assert finished.exit_status == "failed"
        assert "process" in finished.error
    dataset = Dataset(path, Dataset.only(tmp_path / "out").about)
    counters = dataset.counters
    require_identities(counters, dataset.about["ledger"])
    assert len(open_dataset(path).frames()) == counters["frames_tracked"] == 40
    assert counters["frames_recorded"] == 10
