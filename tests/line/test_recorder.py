"""The recorder by itself: killed and started again, with storages and processors of the user's own."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from magscope_app.cli.info import collect, info
from magscope_app.errors import MagscopeError
from magscope_app.messages import Bead, Event
from magscope_app.storage import open_dataset
from magscope_app.storage.repairing import repair_dataset
from tests.line.feeding import FORMAT, fed_recorder, image
from tests.line.running import require_identities

FULL = "Track and Video (Full)"
MINE = """
import os
import numpy as np
from magscope_app.data import DataStorage

class Arrays(DataStorage):
    fails_at = None

    def __init__(self, directory):
        self.directory = directory
        self.stored = {}

    def why_not(self, shape, dtype, axes=None):
        return None if shape[1] < 600 else f"it holds no {shape[1]} columns"

    def put(self, coordinates, data, metadata):
        if coordinates["time"] == self.fails_at:
            raise OSError("the tape is full")
        np.save(self.directory / f"{coordinates['time']}.npy", data)
        self.stored[coordinates["time"]] = data

    def get_data(self, coordinates):
        return self.stored[coordinates["time"]]

    def get_metadata(self, coordinates):
        return {}

    def finish(self):
        (self.directory / "finished").touch()

    def close(self):
        (self.directory / "closed").touch()

    def __contains__(self, coordinates):
        return coordinates["time"] in self.stored

class Full(Arrays):
    fails_at = 20

class Exits(Arrays):
    def put(self, coordinates, data, metadata):
        if coordinates["time"] == 20:
            raise SystemExit(5)
        super().put(coordinates, data, metadata)

class Narrow(Arrays):
    def why_not(self, shape, dtype, axes=None):
        return f"{shape} {dtype} {axes}"

def third(coordinates, data, metadata):
    return None if coordinates.time % 3 else (coordinates, data, metadata)

def twice(coordinates, data, metadata):
    return [(coordinates, data, metadata), (coordinates, data, metadata)]
"""


@pytest.fixture
def mine(tmp_path: Path) -> list[str]:
    # A name that no other test uses: what one has imported, a process of the next would find first.
    (tmp_path / "own_storages.py").write_text(MINE)
    return [f"drivers.path=['{tmp_path.as_posix()}']"]


def described(path: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
    require_identities(about["counters"], about["ledger"])
    return about


def test_a_killed_recorder_is_followed_by_another_in_the_same_dataset(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        path = rig.record(tmp_path, FULL)
        rig.feed(40)
        rig.await_recorded(30)
        rig.kill()
        rig.feed(20)
        rig.start()
        assert rig.record(tmp_path, FULL, resume=path) == path
        assert open_dataset(path).exit_status == "running"
        rig.feed(30)
        rig.await_recorded(70)
        finished = rig.stop()
    about = described(path)
    assert (finished.exit_status, finished.error) == ("completed", "")
    assert finished.path == path
    counters = about["counters"]
    assert counters["frames_acquired"] == 90
    # The frames of the pause were still in the buffers: only what died with the recorder may be missing.
    assert counters["frames_recorded"] >= 80
    dataset = open_dataset(path)
    frames, images = dataset.frames()["frame_id"].astype(int), dataset.video_frame_ids
    assert len(np.unique(frames)) == len(frames)
    assert set(range(30)) | set(range(45, 90)) <= set(frames.tolist())
    assert len(set(frames.tolist()) & set(images.tolist())) == counters["frames_recorded"]
    for frame_id in (3, 50, 89):
        np.testing.assert_array_equal(dataset[{"time": frame_id}], image(frame_id))
    assert dataset.video_parts.keys() == {"0001", "0002"}
    assert {file.name for file in path.glob("tracks*.h5")} == {"tracks.h5", "tracks-0002.h5"}
    (seam,) = (event for event in dataset.events if event["kind"] == "recorder restarted")
    assert 30 <= seam["first_id"] <= 40
    assert seam["first_id"] + seam["count"] == 60
    for loss in about["ledger"]:
        assert seam["first_id"] <= loss["first_id"] < 60
        assert loss["why"] == "the recorder ended and was started again"
    assert dataset.problems() == []


def test_a_dataset_that_gets_its_own_name_back_keeps_its_folder(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        path = rig.record(tmp_path, FULL)
        for name in ("other", "fed"):
            rig.rename(name)
        rig.feed(10)
        assert rig.stop().path == path
        second = rig.record(tmp_path, FULL)
        rig.rename("other")
        rig.feed(10)
        # Where both began in the same second, the first has kept its name, and the second is "fed_002".
        assert rig.stop().path == second.with_name(second.name.partition("_fed")[0] + "_other")


@pytest.mark.parametrize(("first", "then"), [("fed", "fe"), ("fed_001", "fed")])
def test_a_new_name_outlives_the_recorder(tmp_path: Path, first: str, then: str) -> None:
    with fed_recorder() as rig:
        path = rig.record(tmp_path, FULL, name=first)
        rig.feed(20)
        # A beginning of the old name, which the folder's name begins with, too.
        rig.rename(then)
        rig.await_recorded(10)
        rig.kill()
        rig.start()
        assert rig.record(tmp_path, FULL, resume=path) == path
        rig.feed(10)
        finished = rig.stop()
    assert finished.path == path.with_name(path.name.removesuffix(first) + then)
    assert open_dataset(finished.path).description["name"] == then


def test_no_part_of_the_tracks_is_empty(tmp_path: Path) -> None:
    with fed_recorder("recording.rotate_minutes=0.001") as rig:
        path = rig.record(tmp_path, "Track")
        for count in (4, 8):
            rig.feed(4)
            # The newest frame is whole when another comes.
            rig.await_recorded(count - 1)
        rig.stop()
    frames = []
    for part in sorted(path.glob("tracks*.h5")):
        with h5py.File(part) as file:
            frames.append(len(file["tracking/frame_ids"]))
    assert len(frames) > 1
    assert all(frames), frames
    assert sum(frames) == 8


def test_the_bead_list_stands_in_the_dataset_as_it_is_now(tmp_path: Path) -> None:
    beads = [asdict(Bead(3, 20.5, 11.0)), asdict(Bead(7, 8.0, 9.0, "reference"))]
    with fed_recorder() as rig:
        path = rig.record(tmp_path, "Track")
        rig.feed(3)
        for number in (1, 2):
            fields = {"beads": beads[:number], "version": number}
            rig.children.send("recording", Event("beads", 3, 5_000_000, fields))
        rig.stop()
    assert described(path)["beads"] == beads
    kept = [event["beads"] for event in open_dataset(path).events if event["kind"] == "beads"]
    assert kept == [beads[:1], beads]


def test_what_cannot_be_gone_on_with_is_refused(tmp_path: Path) -> None:
    with fed_recorder() as rig:
        rig.order(tmp_path, FULL, resume=tmp_path / "nothing")
        assert "is no dataset" in rig.refusal()


def test_a_storage_of_ones_own_takes_the_images(
    tmp_path: Path, mine: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with fed_recorder(*mine, "recording.storage=own_storages:Arrays") as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(30)
        finished = rig.stop()
    assert finished.error == ""
    assert described(path)["counters"]["frames_recorded"] == 30
    part = path / "video" / "0001"
    np.testing.assert_array_equal(np.load(part / "7.npy"), image(7))
    assert {"finished", "closed"} < {file.name for file in part.iterdir()}
    dataset = open_dataset(path)
    assert len(dataset.frames()) == 30
    for read in (lambda: dataset.video, dataset.coordinates, lambda: dataset[{"time": 3}]):
        with pytest.raises(MagscopeError, match="written by own_storages:Arrays, which alone can read them"):
            read()
    info(path)
    assert "written by own_storages:Arrays" in capsys.readouterr().out
    repaired = repair_dataset(path)
    assert (repaired.path / "video/0001/7.npy").read_bytes() == (part / "7.npy").read_bytes()
    assert open_dataset(repaired.path).counters == dataset.counters


@pytest.mark.parametrize(
    ("storage", "raised"), [("Full", "OSError: the tape is full"), ("Exits", "SystemExit: 5")]
)
def test_a_storage_of_ones_own_that_fails_costs_the_video_alone(
    tmp_path: Path, mine: list[str], storage: str, raised: str
) -> None:
    with fed_recorder(*mine, f"recording.storage=own_storages:{storage}") as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(40)
        rig.await_recorded(20)
        rig.feed(30)
        # The last frame is whole when the next one comes.
        rig.await_recorded(69)
        finished = rig.stop()
    about = described(path)
    assert about["exit_status"] == finished.exit_status == "failed"
    assert len(open_dataset(path).frames()) == about["counters"]["frames_tracked"] == 70
    assert about["counters"]["frames_recorded"] >= 20
    assert f"video has stopped: {raised}" in finished.error
    assert "time=20" in finished.error
    stored = {file.stem for file in (path / "video/0001").glob("*.npy")}
    assert {str(frame_id) for frame_id in range(20)} <= stored
    assert (path / "video/0001/finished").exists()


def test_a_storage_that_cannot_take_the_images_says_so_before(tmp_path: Path, mine: list[str]) -> None:
    with fed_recorder(*mine, "recording.storage=own_storages:Narrow") as rig:
        rig.order(tmp_path / "out", FULL)
        said = rig.refusal()
        shape = (FORMAT.height_px, FORMAT.width_px)
        assert f"the storage own_storages:Narrow cannot take the images: {shape} uint8 {{'time': 0}}" in said
        assert list((tmp_path / "out").iterdir()) == []
        # The process goes on: what needs no storage can be recorded.
        path = rig.record(tmp_path / "out", "Track")
        rig.feed(5)
        rig.stop()
    assert described(path)["counters"]["frames_recorded"] == 5


def test_what_a_processor_gives_twice_is_stored_once_and_counted(tmp_path: Path, mine: list[str]) -> None:
    with fed_recorder(*mine, "recording.process_fn=own_storages:twice") as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(31)
        # The last frame is whole when the next one comes.
        rig.await_recorded(30)
        finished = rig.stop()
    assert (finished.exit_status, finished.error) == ("completed", "")
    counters = described(path)["counters"]
    assert (counters["frames_recorded"], counters["frames_lost"], counters["duplicates"]) == (31, 0, 31)
    assert collect(open_dataset(path))["images"] == 31


def test_duplicates_are_counted_on_by_the_next_recorder(tmp_path: Path, mine: list[str]) -> None:
    with fed_recorder(*mine, "recording.process_fn=own_storages:twice") as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(20)
        deadline = time.monotonic() + 30
        while (before := open_dataset(path).counters.get("duplicates", 0)) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        rig.kill()
        rig.start()
        rig.record(tmp_path / "out", FULL, resume=path)
        rig.feed(10)
        rig.stop()
    assert described(path)["counters"]["duplicates"] == before + 10


def test_what_a_processor_leaves_out_is_not_missing(
    tmp_path: Path, mine: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with fed_recorder(*mine, "recording.process_fn=own_storages:third") as rig:
        path = rig.record(tmp_path / "out", FULL)
        rig.feed(31)
        rig.stop()
    counters = described(path)["counters"]
    assert (counters["frames_recorded"], counters["frames_left_out"], counters["frames_lost"]) == (31, 20, 0)
    facts = collect(open_dataset(path))
    assert (facts["images"], facts["left_out"], facts["gaps_in_video"]) == (11, 20, [])
    info(path)
    assert "11 images (0001: 11), 20 left out by the processor" in capsys.readouterr().out
    (path / "dataset.json").write_text(
        json.dumps(described(path) | {"exit_status": "running"}), encoding="utf-8"
    )
    assert open_dataset(repair_dataset(path).path).counters == counters
