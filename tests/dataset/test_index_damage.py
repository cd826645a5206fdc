"""A damaged index never shows one image for another, and repair believes the images more than the index."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from magscope_app.cli.info import collect
from magscope_app.data import FrozenDataCoordinates
from magscope_app.errors import MagscopeError
from magscope_app.storage import Dataset, NDTiffStorage, open_dataset
from magscope_app.storage.reading.image_index import ImageEntry, read_entries
from magscope_app.storage.repairing import repair_dataset
from tests.dataset.making import SHAPE, image, new_folder, pixels

_INDEX, _STACK = "video/0001/NDTiff.index", "video/0001/NDTiffStack.tif"
_IDS = range(10, 22)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two parts with six images each."""
    folder = new_folder(tmp_path)
    for frames in (_IDS[:6], _IDS[6:]):
        storage = NDTiffStorage(folder.next_video_part())
        for frame_id in frames:
            storage.put({"time": frame_id}, image(frame_id), {"frame_id": frame_id})
        storage.close()
    counts = dict.fromkeys(("frames_acquired", "frames_tracked", "frames_recorded"), len(_IDS))
    folder.finish("completed", counts, [], start_frame_id=_IDS[0], mode="Video (Full)")
    return folder.path


def entries(path: Path) -> list[tuple[ImageEntry, int]]:
    return list(read_entries((path / _INDEX).read_bytes()))


def require_no_wrong_image(data: Dataset) -> None:
    for frame_id in range(64):
        try:
            found, about = data[{"time": frame_id}], data.get_metadata({"time": frame_id})
        except (KeyError, MagscopeError):
            continue
        assert np.array_equal(found, image(frame_id))
        assert about["frame_id"] == frame_id


def require_whole(path: Path) -> None:
    data = open_dataset(path)
    assert data.video_frame_ids.tolist() == sorted(data.video_frame_ids.tolist()) == [*_IDS]
    assert all(np.array_equal(data[{"time": frame_id}], image(frame_id)) for frame_id in _IDS)
    assert data.problems() == []
    assert data.counters["frames_recorded"] == len(_IDS)


@pytest.mark.parametrize("bit", [1, 16])
def test_a_flipped_bit_is_noticed_and_repaired(path: Path, tmp_path: Path, bit: int) -> None:
    content = (path / _INDEX).read_bytes()
    begin, end = entries(path)[1][1], entries(path)[2][1]
    for at in range(begin, end):
        damaged = bytearray(content)
        damaged[at] ^= bit
        (path / _INDEX).write_bytes(damaged)
        require_no_wrong_image(open_dataset(path))
        copy = tmp_path / "copy"
        data = open_dataset(repair_dataset(path, copy).path)
        assert sorted(data.video_frame_ids.tolist()) == [*_IDS]
        require_no_wrong_image(data)
        assert data.problems() == []
        shutil.rmtree(copy)


def test_an_entry_that_leads_to_another_image_is_put_right(path: Path) -> None:
    sound = [entry for entry, _ in entries(path)]
    # The place of 12 stands for 11, too.
    wrong = ImageEntry(sound[1].coordinates, *(getattr(sound[2], name) for name in ImageEntry.__slots__[1:]))
    (path / _INDEX).write_bytes(b"".join(one.encoded() for one in (sound[0], wrong, *sound[2:])))
    data = open_dataset(path)
    for read in (data.get_data, data.get_metadata):
        with pytest.raises(MagscopeError, match=r"leads for .*11.* to the image of .*12"):
            read({"time": 11})
    with pytest.raises(MagscopeError, match="`magscope-app repair` writes another index"):
        pixels(data.video)
    report = repair_dataset(path)
    assert report.notes == ("1 entries of the index of 0001 were wrong: written anew",)
    require_whole(report.path)


def test_an_entry_for_a_frame_that_no_image_shows_is_no_image(path: Path) -> None:
    sound = [entry for entry, _ in entries(path)]
    wrong = replace(sound[1], coordinates=FrozenDataCoordinates({"time": 60}))
    (path / _INDEX).write_bytes(b"".join(one.encoded() for one in (sound[0], wrong, *sound[2:])))
    report = repair_dataset(path)
    assert report.n_images == len(_IDS)
    assert "1 entries of the index of 0001 were wrong: written anew" in report.notes
    assert sorted(open_dataset(report.path).video_frame_ids.tolist()) == [*_IDS]


def test_files_of_parts_that_changed_places(path: Path) -> None:
    first, second = path / _STACK, path / "video/0002/NDTiffStack.tif"
    first.rename(path / "aside")
    second.rename(first)
    (path / "aside").rename(second)
    data = open_dataset(path)
    require_no_wrong_image(data)
    said = [f"the index of {part} and its images contradict each other" for part in ("0001", "0002")]
    assert data.problems() == collect(data)["problems"] == said
    report = repair_dataset(path)
    data = open_dataset(report.path)
    assert sorted(data.video_frame_ids.tolist()) == [*_IDS]
    require_no_wrong_image(data)
    assert len(pixels(data.video)) == len(_IDS)
    assert (data.problems(), data.counters["frames_lost"]) == ([], 0)


def test_a_damaged_directory_does_not_spoil_what_the_index_knows(path: Path) -> None:
    content = bytearray((path / _STACK).read_bytes())
    width_at = entries(path)[2][0].pixel_offset - struct.calcsize("<H" + "HHII" * 13 + "I" + "IIII") + 2 + 8
    assert content[width_at] == SHAPE[1]
    content[width_at] ^= 1
    (path / _STACK).write_bytes(content)
    require_whole(repair_dataset(path).path)


def test_a_part_that_is_there_twice(path: Path) -> None:
    shutil.copytree(path / "video/0001", path / "video/0003")
    data = open_dataset(path)
    assert data.problems() == ["6 images have the coordinates of another: the first of each counts"]
    report = repair_dataset(path)
    assert report.n_images == collect(data)["images"] == len(_IDS)
    assert report.notes == ("6 images of 0003 are in a part before it, too: those are read",)
    require_whole(report.path)
    assert (report.path / "video/0003/NDTiffStack.tif").is_file()


def test_a_part_without_readable_images_is_sound_after_repair(path: Path) -> None:
    (path / _INDEX).unlink()
    stack = path / _STACK
    stack.write_bytes(stack.read_bytes()[:200])
    report = repair_dataset(path)
    data = open_dataset(report.path)
    assert data.problems() == []
    assert data.counters["frames_lost"] == 6
    assert "6 frames from 10 on are missing (recording)" in report.notes
