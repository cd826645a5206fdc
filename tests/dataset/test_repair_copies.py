"""What tracks files keep beside the tracks comes back where the files themselves are missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from magscope_app.storage import open_dataset
from magscope_app.storage.repairing import repair_dataset
from tests.data.rows import make_rows
from tests.dataset.making import new_folder, new_tracks

LUT = bytes(range(200))
NOTE = "cut \u2028 nowhere"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Frames 0 to 19 in two tracks files, a Z-LUT that came with the second, and a note."""
    folder = new_folder(tmp_path)
    folder.events.append("recording started", timestamp_ns=1, frame_id=0, mode="Track")
    for frames in (range(10), range(10, 20)):
        tracks = new_tracks(folder)
        tracks.append_rows(make_rows(frames, 2))
        if frames.start:
            folder.add_zlut(LUT, "lut.npz")
            folder.events.append("note", timestamp_ns=5, frame_id=10, text=NOTE)
            loss = {"first_id": 3, "count": 2, "where": "ring", "why": "full"}
            folder.events.append("loss", timestamp_ns=5, frame_id=3, **loss)
        tracks.close(
            "completed",
            events_path=folder.events.path,
            zlut_paths=folder.zlut_paths,
            documents=[folder.path / "config.toml"],
        )
    counts = {"frames_acquired": 20, "frames_tracked": 20, "frames_recorded": 20}
    folder.finish("completed", counts, [], start_frame_id=0, mode="Track")
    return folder.path


def only_tracks(path: Path) -> None:
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.suffix != ".h5":
            entry.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no events": (lambda path: (path / "events.jsonl").unlink(), "3 events that events.jsonl does not hold"),
    "fewer events": (lambda path: (path / "events.jsonl").write_bytes(bytes(90)), "3 events that"),
    "no zluts": (lambda path: shutil.rmtree(path / "zluts"), "zluts/lut.npz was taken from a tracks file"),
    "no lut": (lambda path: (path / "zluts/lut.npz").unlink(), "zluts/lut.npz was taken from a tracks file"),
    "no config": (lambda path: (path / "config.toml").unlink(), "config.toml was taken from a tracks file"),
    "config of zeros": (
        lambda path: (path / "config.toml").write_bytes(bytes(100)),
        "config.toml is no text: it is damaged",
    ),
    "only tracks": (only_tracks, "dataset.json was written anew"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_missing_is_taken_from_tracks_files(path: Path, name: str) -> None:
    before = {file: (path / file).read_bytes() for file in ("events.jsonl", "zluts/lut.npz", "config.toml")}
    damage, note = DAMAGES[name]
    damage(path)
    report = repair_dataset(path)
    assert any(note in one for one in report.notes)
    assert {file: (report.path / file).read_bytes() for file in before} == before
    data = open_dataset(report.path)
    assert (data.exit_status, data.description["mode"]) == ("completed", "Track")
    assert data.events[1]["text"] == NOTE
    for tracks in ("tracks.h5", "tracks-0002.h5"):
        with h5py.File(report.path / tracks) as file:
            assert len(file["events"]) == 3
            assert bytes(file["zluts/lut.npz"][:]) == LUT
            assert file["documents/config.toml"][()] == before["config.toml"]
            assert file.attrs["exit_status"] == "completed"
    assert repair_dataset(report.path).notes == ()


def test_a_sound_dataset_has_nothing_said(path: Path) -> None:
    assert repair_dataset(path).notes == ()


def test_losses_and_the_end_are_those_of_the_tracks_files(path: Path) -> None:
    only_tracks(path)
    data = open_dataset(repair_dataset(path).path)
    assert [(loss["first_id"], loss["count"], loss["where"]) for loss in data.ledger] == [(3, 2, "ring")]
    with h5py.File(path / "tracks-0002.h5", "r+") as file:
        file.attrs["exit_status"] = "running"
    data = open_dataset(repair_dataset(path, path.with_name("killed")).path)
    assert data.exit_status == "interrupted"


def test_what_nobody_has_is_said(path: Path) -> None:
    for tracks in path.glob("*.h5"):
        with h5py.File(tracks, "r+") as file:
            for group in ("events", "zluts", "documents"):
                file.pop(group, None)
    (path / "config.toml").write_bytes(b"name = 1\0")
    (path / "events.jsonl").unlink()
    shutil.rmtree(path / "zluts")
    report = repair_dataset(path)
    wanted = {"config.toml is no text: it is damaged", "events.jsonl is missing", "zluts is missing"}
    assert set(report.notes) == wanted
    assert (report.path / "config.toml").read_bytes() == b"name = 1\0"


def test_names_in_a_tracks_file_do_not_lead_out_of_the_copy(path: Path) -> None:
    with h5py.File(path / "tracks.h5", "r+") as file:
        file["documents"].create_dataset("dataset.json", data="{}")
        file["documents"].create_dataset("..\\evil", data="x")
    (path / "config.toml").unlink()
    report = repair_dataset(path)
    assert open_dataset(report.path).exit_status == "completed"
    assert sorted(one.name for one in report.path.iterdir()) == sorted(
        ["config.toml", "dataset.json", "events.jsonl", "tracks-0002.h5", "tracks.h5", "zluts"]
    )
