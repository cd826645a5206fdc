"""Damaged datasets: one sentence or what can be read, never a traceback, never a change of the original."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magscope_app.cli.export import export
from magscope_app.cli.info import info
from magscope_app.cli.repair import repair
from magscope_app.errors import MagscopeError
from magscope_app.storage import TracksFile, open_dataset
from magscope_app.storage.reading.hdf5_view import read_hdf5
from magscope_app.storage.repairing import repair_dataset
from magscope_app.storage.repairing.tiff_walk import walk_tiff
from tests.data.rows import make_rows
from tests.dataset.making import N_BEADS, fingerprint, image, make_dataset, new_folder, new_tracks, pixels

_FILES = (
    "dataset.json",
    "events.jsonl",
    "tracks.h5",
    "tracks-0002.h5",
    "video/0001/NDTiff.index",
    "video/0001/NDTiffStack.tif",
    "video/0002/NDTiff.index",
    "video/0002/NDTiffStack.tif",
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("datasets"))


def sentence_or_success(action: Callable[[], object]) -> None:
    said = ""
    try:
        action()
    except MagscopeError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 1000


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(_FILES),
    place=st.floats(0, 1),
    damage=st.one_of(st.none(), st.binary(min_size=1, max_size=40)),
    near_start=st.booleans(),
)
def test_truncated_and_overwritten_files(
    sound: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    place: float,
    damage: bytes | None,
    near_start: bool,
) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "damaged"
        shutil.copytree(sound, path)
        target = path / name
        content = bytearray(target.read_bytes())
        at = int(place * min(len(content), 3000 if near_start else len(content)))
        if damage is None:
            del content[at:]
        else:
            content[at : at + len(damage)] = damage
        target.write_bytes(content)
        before = fingerprint(path)
        sentence_or_success(lambda: info(path))
        sentence_or_success(lambda: export(path, "csv", Path(root) / "x.csv"))
        sentence_or_success(lambda: export(path, "tiff", Path(root) / "x.tif"))
        assert repair(path, Path(root) / "repaired") == 0
        assert fingerprint(path) == before
        # The other files are as good as ever.
        data = open_dataset(Path(root) / "repaired")
        assert info(data.path) == 0
        if not name.startswith("video/0002"):
            assert np.array_equal(data[{"time": 50}], image(50))
        if name != "tracks-0002.h5":
            rows = make_rows(range(50, 90), N_BEADS)
            assert np.array_equal(data.tracks(first_frame=50)["z_nm"], rows[:, 4])
        assert not list(Path(root).glob(".*"))
    capsys.readouterr()


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.sampled_from([*_FILES, "video/x", "tracks"]), st.binary(max_size=200), max_size=5))
def test_rubbish(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "rubbish"
        path.mkdir()
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        before = fingerprint(path)
        sentence_or_success(lambda: info(path))
        sentence_or_success(lambda: repair_dataset(path, Path(root) / "repaired"))
        assert fingerprint(path) == before


def damage_index(path: Path, axes: bytes) -> None:
    name = b"NDTiffStack.tif"
    with (path / "video/0001/NDTiff.index").open("ab") as file:
        file.write(struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name)
        file.write(struct.pack("<8I", 100, 7, 5, 1, 0, 200, 10, 0))


def damage_description(path: Path, **changed: Any) -> None:
    document = path / "dataset.json"
    document.write_text(json.dumps({**json.loads(document.read_text()), **changed}))


def left_out(**loss: Any) -> Callable[[Path], None]:
    return lambda path: damage_description(path, counters={"frames_left_out": 3}, ledger=[loss])


@pytest.mark.parametrize(
    "damage",
    [
        *(
            partial(damage_index, axes=axes)
            for axes in (b"[1]", b"5", b'"x"', b"null", b'{"time": 1%s}' % (b"0" * 30))
        ),
        left_out(),
        left_out(where=5),
        left_out(first_id="a", count="b", where="ring"),
        left_out(first_id=1, count=10**12, where="ring"),
        left_out(first_id=1, count=10**30, where="recording"),
        partial(damage_description, name="\ud83d"),
        lambda path: (path / "events.jsonl").write_text('{"kind": "note", "text": "\\ud83d"}\n'),
    ],
)
def test_content_that_makes_no_sense(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(sound, path)
    damage(path)
    assert info(path) == 0
    assert capsys.readouterr().out.encode()
    for kind in ("csv", "tiff"):
        sentence_or_success(partial(export, path, kind, tmp_path / f"x.{kind}"))
    assert repair(path, tmp_path / "repaired") == 0
    data = open_dataset(tmp_path / "repaired")
    assert info(data.path) == 0
    assert len(data.events) == 1
    assert np.array_equal(data[{"time": 50}], image(50))


def test_text_with_halves_of_characters_is_written(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    folder.events.append("note", timestamp_ns=5, text="half \ud83d")
    folder.update(name="half \ud83d")
    data = open_dataset(folder.path)
    assert data.events[-1]["text"] == data.description["name"] == "half \ud83d"


def test_a_folder_that_was_renamed_meanwhile_is_told_in_a_sentence(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "running"
    shutil.copytree(sound, path)
    data = open_dataset(path)
    path.rename(tmp_path / "renamed")
    asked: list[Callable[[], object]] = [
        data.tracks,
        data.frames,
        data.truth,
        data.problems,
        data.refresh,
        lambda: data.events,
        lambda: data.bead_ids,
        lambda: data.config_text,
        lambda: data[{"time": 50}],
    ]
    for ask in asked:
        with pytest.raises(MagscopeError):
            ask()
    with pytest.raises(MagscopeError, match="is not there any more"):
        data.tracks()


def test_lost_index_is_written_anew(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(sound, path)
    (path / "video/0001/NDTiff.index").unlink()
    index = path / "video/0002/NDTiff.index"
    index.write_bytes(index.read_bytes()[:-100])
    assert len(open_dataset(path).problems()) == 2
    report = repair_dataset(path)
    assert report.n_images == 59
    assert any("30 images of 0001 were not in its index" in note for note in report.notes)
    repaired, original = open_dataset(report.path), open_dataset(sound)
    assert np.array_equal(pixels(repaired.video), pixels(original.video))
    assert repaired.counters == original.counters
    for part in ("0001", "0002"):
        name = f"video/{part}/NDTiff.index"
        assert sorted((report.path / name).read_bytes()) == sorted((sound / name).read_bytes())


def test_images_behind_damage_are_found_without_an_index(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(sound, path)
    (path / "video/0001/NDTiff.index").unlink()
    stack = path / "video/0001/NDTiffStack.tif"
    content = bytearray(stack.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    stack.write_bytes(content)
    report = repair_dataset(path)
    data = open_dataset(report.path)
    ids = data.video_frame_ids
    assert 27 <= (ids < 40).sum() < 30
    assert {10, 39} <= set(ids.tolist())
    pages = tifffile.imread(report.path / "video/0001/NDTiffStack.tif")
    assert np.array_equal(pages[-1], image(39))
    assert data.counters["frames_lost"] > 21


def test_image_that_is_cut_off_is_left_out(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(sound, path)
    (path / "video/0002/NDTiff.index").unlink()
    stack = path / "video/0002/NDTiffStack.tif"
    stack.write_bytes(stack.read_bytes()[:-10])
    assert len(walk_tiff(stack).entries) == 28
    assert len(walk_tiff(stack).corrections) == 1
    report = repair_dataset(path)
    assert report.n_images == 58
    # Readers of TIFF find neither half an image nor a pointer to one.
    assert walk_tiff(report.path / "video/0002/NDTiffStack.tif").corrections == ()
    with tifffile.TiffFile(report.path / "video/0002/NDTiffStack.tif") as tiff:
        assert len(tiff.pages) == 28


def test_damaged_chunk_takes_no_others_with_it(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    tracks = new_tracks(folder)
    n_frames = 9000
    for start in range(0, n_frames, 500):
        tracks.append_rows(make_rows(range(start, start + 500), 1))
        tracks.flush(final=True)
    path = folder.path / "tracks.h5"
    shutil.copy(path, tmp_path / "killed.h5")
    tracks.close()
    killed = (tmp_path / "killed.h5").read_bytes()
    path.write_bytes(killed[: len(killed) * 2 // 3])
    with pytest.raises(MagscopeError, match="cannot be read"):
        open_dataset(folder.path).tracks()
    report = repair_dataset(folder.path)
    found = open_dataset(report.path).tracks()["frame_id"].astype(int)
    assert 0 < len(found) == report.n_frames < n_frames
    rows = make_rows(range(n_frames), 1)
    assert np.array_equal(open_dataset(report.path).tracks()["x_nm"], rows[found, 2])
    assert f"{n_frames - len(found)} frames of tracks.h5 cannot be read" in report.notes


def test_file_that_was_open_for_completing_is_read(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(sound, path)
    with (path / "tracks.h5").open("r+b") as file:
        file.seek(11)
        file.write(b"\x01")  # the flag of a writer that never closed the file
    assert np.array_equal(open_dataset(path).tracks(), open_dataset(sound).tracks())


def test_recording_that_goes_on_is_not_repaired(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    tracks = new_tracks(folder)

    def write_on(what: str, done: float) -> None:
        with (folder.path / "events.jsonl").open("ab") as file:
            file.write(b"x")

    tracks.append_rows(make_rows(range(10), 1))
    tracks.flush(final=True)
    with pytest.raises(MagscopeError, match="is still being recorded"):
        repair_dataset(folder.path, progress=write_on)
    assert [path.name for path in tmp_path.iterdir()] == [folder.path.name]
    tracks.close()


def test_a_file_that_is_closed_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    tracks = TracksFile(tmp_path / "tracks.h5", unix_start_ns=0)
    tracks.append_rows(make_rows(range(5), N_BEADS))
    tracks.flush()
    trials = []

    def read(file: h5py.File) -> int:
        trials.append(file)
        if len(trials) == 1:
            tracks.close()
            raise OSError("incorrect metadata checksum")
        return len(file["tracking/frame_ids"])

    assert read_hdf5(tmp_path / "tracks.h5", read) == 5
