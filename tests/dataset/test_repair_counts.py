"""Counters of repaired datasets: those of the end are kept, and after a kill nothing is made up."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from magscope_app.datatypes.columns import TRACKS_COLUMNS
from magscope_app.storage import Dataset, DatasetFolder, NDTiffStorage, open_dataset
from magscope_app.storage.repairing import RepairReport, repair_dataset
from magscope_app.storage.repairing.image_choice import read_index
from magscope_app.storage.video_book import VideoBook, read_book
from tests.data.rows import make_rows
from tests.dataset.making import N_BEADS, UNIX_START_NS, image, new_tracks

N_FRAMES, N_TOLD = 60, 50
Image = tuple[dict[str, int | str], dict[str, Any]]


class Case(NamedTuple):
    """A recording of 60 frames, none lost, of which dataset.json had counted 50 before a kill."""

    mode: str
    images: list[Image]
    process_fn: str | None
    left_out: int
    left_out_told: int
    #: Recorded, left out and lost in recording, as a repair after a kill may know them.
    after_kill: tuple[int, int, int]
    without_beads: range = range(0)
    #: Frames that the recorder has written down as stored, and as left out.
    noted: tuple[range | list[int], range | list[int]] = (range(0), range(0))


def plain(frames: Iterable[int]) -> list[Image]:
    return [({"time": frame_id}, {"frame_id": frame_id}) for frame_id in frames]


FULL, ROIS = "Track and Video (Full)", "Track and Video (ROIs)"
CASES = {
    "no beads from 29 on": Case(ROIS, plain(range(29)), None, 0, 0, (60, 31, 0), range(29, 60)),
    "no beads from 29 on, tracks too late": Case(
        ROIS, plain(range(29)), None, 31, 21, (60, 31, 0), noted=(range(0), range(29, 60))
    ),
    "no beads at all": Case("Video (ROIs)", [], None, 60, 50, (0, 50, 0)),
    "no beads at all, noted": Case("Video (ROIs)", [], None, 60, 50, (0, 60, 0), noted=(range(0), range(60))),
    "no beads from 29 on, no tracks": Case(
        "Video (ROIs)", plain(range(29)), None, 31, 21, (29, 31, 0), noted=(range(0), range(29, 60))
    ),
    "a third, no tracks": Case("Video (Full)", plain(range(0, 60, 3)), "m:third", 40, 33, (20, 38, 0)),
    "a third, no tracks, noted": Case(
        "Video (Full)",
        plain(range(0, 60, 3)),
        "m:third",
        40,
        33,
        (20, 40, 0),
        noted=(range(0, 60, 3), [at for at in range(60) if at % 3]),
    ),
    "left out, noted": Case(FULL, [], "m:none", 60, 50, (57, 57, 3), noted=(range(0), range(57))),
    "other times, no ids, noted": Case(
        FULL,
        [({"time": at + 1000}, {}) for at in range(60)],
        "m:shift",
        0,
        0,
        (60, 0, 0),
        noted=(range(60), range(0)),
    ),
    "left out": Case(FULL, [], "m:none", 60, 50, (50, 50, 10)),
    "batches": Case(FULL, plain(range(9, 60, 10))[:5], "m:batch", 55, 45, (50, 45, 10)),
    "other times": Case(
        FULL, [({"time": at + 1000}, {"frame_id": at}) for at in range(60)], "m:shift", 0, 0, (60, 0, 0)
    ),
    "other axis": Case(
        "Video (Full)", [({"f": f"{at:03d}"}, {"frame_id": at}) for at in range(60)], "m:f", 0, 0, (60, 0, 0)
    ),
    "other axis, no ids": Case(
        "Video (Full)", [({"f": f"{at:03d}"}, {}) for at in range(60)], "m:f", 0, 0, (50, 0, 0)
    ),
    "other times, no ids": Case(
        FULL, [({"time": at + 1000}, {}) for at in range(60)], "m:shift", 0, 0, (50, 0, 10)
    ),
    "other times, no ids, no config": Case(
        "Video (Full)", [({"t": at + 1000}, {}) for at in range(60)], None, 0, 0, (50, 0, 0)
    ),
}


def record(
    root: Path, case: Case, *, killed: bool, ledger: list[dict[str, Any]] | None = None, storage: Any = None
) -> Path:
    facts = {
        "mode": case.mode,
        "config": {"recording": {"process_fn": case.process_fn}},
        "video_storage": storage,
        "start_frame_id": 0,
    }
    folder = DatasetFolder.create(root, "t", config_text=b"", facts=facts, unix_start_ns=UNIX_START_NS)
    folder.events.append("recording started", timestamp_ns=0, frame_id=0, mode=case.mode)
    tracks = new_tracks(folder)
    if "Track" in case.mode:
        rows = make_rows(range(N_FRAMES), N_BEADS)
        empty = np.isin(rows[:, 0], case.without_beads)
        rows[empty, TRACKS_COLUMNS.index("bead_id")] = -1
        tracks.append_rows(rows[~empty | (np.arange(len(rows)) % N_BEADS == 0)])
    tracks.close("interrupted" if killed else "completed", events_path=folder.events.path)
    part = folder.next_video_part()
    if storage is None:
        images = NDTiffStorage(part)
        for number, (coordinates, metadata) in enumerate(case.images):
            images.put(coordinates, image(number), metadata)
        images.close()
    book = VideoBook(folder.path)
    for frames, stored in zip(case.noted, (True, False), strict=True):
        for frame_id in frames:
            book.note(frame_id, stored=stored)
    book.close()
    n, left_out = (N_TOLD, case.left_out_told) if killed else (N_FRAMES, case.left_out)
    counters = {"frames_acquired": n, "frames_tracked": n, "frames_recorded": n, "frames_left_out": left_out}
    if "Track" not in case.mode:
        counters["frames_recorded"] -= left_out
    if killed:
        folder.update(counters=counters, ledger=ledger)
    else:
        folder.finish("completed", counters, ledger)
    return folder.path


def repaired(path: Path) -> tuple[Dataset, RepairReport]:
    report = repair_dataset(path)
    data = open_dataset(report.path)
    counters, ledger = data.counters, data.ledger
    assert counters["frames_acquired"] == counters["frames_tracked"] + counters["lost_tracking"]
    unrecorded = counters["frames_left_out"] if "Track" not in data.description["mode"] else 0
    assert counters["frames_tracked"] == counters["frames_recorded"] + counters["lost_recording"] + unrecorded
    assert counters["frames_lost"] == sum(loss["count"] for loss in ledger)
    assert data.problems() == []
    return data, report


def said(counters: dict[str, int]) -> tuple[int, int, int]:
    return counters["frames_recorded"], counters["frames_left_out"], counters["lost_recording"]


@pytest.mark.parametrize("name", CASES)
def test_counters_that_were_written_at_the_end_are_kept(tmp_path: Path, name: str) -> None:
    path = record(tmp_path, CASES[name], killed=False)
    data, report = repaired(path)
    assert [part.tolist() for part in read_book(data.path)] == [list(part) for part in CASES[name].noted]
    before = open_dataset(path)
    assert (data.counters, data.ledger) == (before.counters, [])
    assert data.exit_status == "completed"
    assert report.notes == ()


@pytest.mark.parametrize("name", CASES)
def test_after_a_kill_what_cannot_be_found_is_taken_from_the_recorder_or_said(
    tmp_path: Path, name: str
) -> None:
    data, report = repaired(record(tmp_path, CASES[name], killed=True))
    assert said(data.counters) == CASES[name].after_kill
    assert data.exit_status == "interrupted"
    unknown = "10 frames from 50 on are counted as missing (recording): whether there are images of them is "
    n_unknown = CASES[name].after_kill[2]
    assert (f"{unknown}not known" in report.notes) == (n_unknown == 10)
    assert ("3 frames from 57 on are missing (recording)" in report.notes) == (n_unknown == 3)


def test_a_loss_among_images_that_were_left_out_stays_one(tmp_path: Path) -> None:
    case = Case(FULL, plain(at for at in range(60) if at not in (5, 6, 7)), "m:some", 0, 1, (0, 0, 0))
    loss = {"first_id": 5, "count": 2, "where": "recording", "why": "the disk did not keep up"}
    data, _ = repaired(record(tmp_path, case, killed=True, ledger=[loss]))
    assert said(data.counters) == (58, 1, 2)
    assert [(loss["first_id"], loss["count"]) for loss in data.ledger] == [(5, 2)]


@pytest.mark.parametrize(
    ("kind", "fields", "n_recorded"),
    [("recorder restarted", {"first_id": 20, "count": 10}, 40), ("video ended", {"text": "full"}, 0)],
)
def test_what_the_recorder_cannot_have_counted_is_not_recorded(
    tmp_path: Path, kind: str, fields: dict[str, Any], n_recorded: int
) -> None:
    path = record(tmp_path, CASES["left out"], killed=True)
    DatasetFolder.open(path).events.append(kind, timestamp_ns=9, frame_id=30, **fields)
    data, _ = repaired(path)
    assert data.counters["frames_recorded"] == n_recorded


def test_frames_that_were_counted_and_are_gone_are_lost(tmp_path: Path) -> None:
    path = record(tmp_path, Case(FULL, plain(range(45)), None, 0, 0, (0, 0, 0)), killed=True)
    (path / "tracks.h5").unlink()
    data, _ = repaired(path)
    assert data.counters["frames_acquired"] == data.counters["lost_tracking"] == N_TOLD


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("mode", [FULL, ROIS])
def test_images_that_cannot_be_read_any_more_are_lost(tmp_path: Path, mode: str, killed: bool) -> None:
    case = Case(mode, plain(range(60)), None, 0, 0, (0, 0, 0))
    path = record(tmp_path, case, killed=killed)
    stack = path / "video/0001/NDTiffStack.tif"
    stack.write_bytes(stack.read_bytes()[:-1000])
    data, report = repaired(path)
    (loss,) = data.ledger
    assert loss["first_id"] + loss["count"] == N_FRAMES
    assert data.counters["lost_recording"] == loss["count"] == N_FRAMES - report.n_images > 0
    shutil.rmtree(path / "video")
    shutil.rmtree(data.path)
    data, report = repaired(path)
    assert said(data.counters) == (0, 0, N_FRAMES)
    assert "the folder video is missing or empty" in report.notes


@pytest.mark.parametrize(("mode", "process_fn"), [(ROIS, None), (FULL, "m:some")])
def test_an_image_that_was_counted_and_cannot_be_read_any_more_is_lost(
    tmp_path: Path, mode: str, process_fn: str | None
) -> None:
    path = record(tmp_path, Case(mode, plain(range(60)), process_fn, 0, 0, (0, 0, 0)), killed=True)
    entry = read_index(path / "video/0001")[10]
    with (path / "video/0001" / entry.filename).open("r+b") as file:
        file.seek(entry.metadata_offset)
        file.write(b"\xff" * entry.metadata_bytes)
    data, _ = repaired(path)
    assert said(data.counters) == (59, 0, 1)
    assert [(loss["first_id"], loss["count"]) for loss in data.ledger] == [(10, 1)]


def test_a_part_that_is_missing_is_said(tmp_path: Path) -> None:
    path = record(tmp_path, CASES["batches"], killed=False)
    (path / "video/0001").rename(path / "video/0002")
    data, report = repaired(path)
    assert report.notes == ("video/0001 is missing: how many frames have images in it is not known",)
    assert data.counters == open_dataset(path).counters


@pytest.mark.parametrize("killed", [False, True])
def test_images_in_a_storage_of_ones_own_are_not_counted_and_that_is_said(
    tmp_path: Path, killed: bool
) -> None:
    path = record(tmp_path, CASES["left out"]._replace(process_fn=None), killed=killed, storage="m:Arrays")
    (path / "video/0001/deep").mkdir()
    for number in range(55):
        (path / f"video/0001/deep/{number}.npy").write_bytes(b"x")
    data, report = repaired(path)
    note = "the images, which only m:Arrays can read, were copied as they are and were not counted"
    assert note in report.notes
    assert len(list(data.path.rglob("*.npy"))) == 55
    if not killed:
        assert data.counters == open_dataset(path).counters
        return
    assert (data.counters["frames_recorded"], data.counters["lost_recording"]) == (50, 10)
    (loss,) = data.ledger
    assert loss["why"] == "whether there is an image of it was not known when the dataset was repaired"
    # Without dataset.json nobody knows the storage, and its files are kept all the same.
    (path / "dataset.json").unlink()
    shutil.rmtree(data.path)
    assert len(list(repair_dataset(path).path.rglob("*.npy"))) == 55


def test_a_book_says_which_frames_a_storage_of_ones_own_holds(tmp_path: Path) -> None:
    noted = ([*range(20), *range(25, 58)], [58])
    case = CASES["left out"]._replace(process_fn=None, left_out_told=0, noted=noted)
    data, report = repaired(record(tmp_path, case, killed=True, storage="m:Arrays"))
    assert said(data.counters) == (54, 1, 6)
    assert [(loss["first_id"], loss["count"], loss["why"]) for loss in data.ledger] == [
        (20, 5, "the recorder had not noted that its image was stored"),
        (59, 1, "the recorder had not noted that its image was stored"),
    ]
    copied = "the images, which only m:Arrays can read, were copied as they are and 53 frames were noted"
    assert any(note.startswith(copied) for note in report.notes)


def test_without_tracks_what_is_gone_is_no_frame_that_was_left_out(tmp_path: Path) -> None:
    path = record(tmp_path, CASES["no beads from 29 on, no tracks"], killed=False)
    stack = path / "video/0001/NDTiffStack.tif"
    stack.write_bytes(stack.read_bytes()[:-1000])
    data, report = repaired(path)
    n_gone = 29 - report.n_images
    assert n_gone > 0
    assert said(data.counters) == (29 - n_gone, 31, n_gone)
    shutil.rmtree(data.path)
    shutil.rmtree(path / "video/0001")
    assert said(repaired(path)[0].counters) == (0, 31, 29)


def test_without_dataset_json_the_book_says_what_was_left_out(tmp_path: Path) -> None:
    path = record(tmp_path, CASES["a third, no tracks, noted"], killed=True)
    (path / "dataset.json").unlink()
    assert said(repaired(path)[0].counters) == (20, 40, 0)


def test_a_damaged_book_counts_as_far_as_it_makes_sense(tmp_path: Path) -> None:
    path = record(tmp_path, CASES["a third, no tracks, noted"], killed=True)
    with (path / "video/frames.i64").open("ab") as file:
        file.write(np.array([2**63 - 1, -(2**63), 2**40, -(2**50)], np.int64).tobytes() + b"cut")
    data, report = repaired(path)
    assert said(data.counters) == (20, 40, 0)
    assert "2 frames have ids that cannot be right: they are kept, but not counted" in report.notes


def test_frames_whose_tracks_are_gone_are_lost_also_after_an_end_in_order(tmp_path: Path) -> None:
    path = record(tmp_path, Case(FULL, plain(range(60)), None, 0, 0, (0, 0, 0)), killed=False)
    (path / "tracks.h5").unlink()
    counters = repaired(path)[0].counters
    assert (counters["frames_recorded"], counters["lost_tracking"]) == (0, N_FRAMES)


def test_a_processor_is_known_by_what_it_left_out_where_the_config_is_lost(tmp_path: Path) -> None:
    path = record(tmp_path, CASES["batches"], killed=True)
    DatasetFolder.open(path).update(config={})
    assert said(repaired(path)[0].counters) == CASES["batches"].after_kill
