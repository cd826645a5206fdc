"""What the storage does over ndstorage, and what ndstorage does by itself.

When the first test fails with another version of ndstorage, a part of `ndtiff_dataset` may have become
superfluous: see docs/decisions/0004-ndtiff-over-ndstorage.md.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path

import ndstorage
import numpy as np
import psutil
import pytest
import tifffile

from magscope_app.storage import NDTiffStorage, read_stored_coordinates
from tests.data.children import full_disk_after, image

needs_file_limit = pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")


@pytest.mark.skipif(sys.platform == "win32", reason="would fill 4 GiB with zeros")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_ndstorage_does_by_itself(tmp_path: Path) -> None:
    dataset = ndstorage.NDTiffDataset(str(tmp_path), summary_metadata={}, writable=True)
    dataset.put_image({"time": 0, "channel": "a"}, image(0, np.uint8), {})
    assert (tmp_path / "NDTiffStack.tif").stat().st_size == 2**32
    assert (tmp_path / "NDTiff.index").stat().st_size == 0
    # It keeps what it read ahead.
    np.testing.assert_array_equal(dataset.read_image(time=0, channel="a"), image(0, np.uint8))
    dataset.put_image({"time": 1, "channel": "a"}, image(1, np.uint8), {})
    assert not dataset.read_image(time=1, channel="a").any()
    # It takes a number for the place of a text among the values of the axis.
    assert dataset.has_image(time=0, channel=0)
    dataset.finish()
    dataset.close()
    with tifffile.TiffFile(tmp_path / "NDTiffStack.tif") as tiff:
        assert tiff.pages.first.bitspersample == 16


def test_files_are_as_long_as_their_images_and_whole_before_they_are_finished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = NDTiffStorage(tmp_path)
    for time in range(6):
        storage.put({"time": time}, image(time, np.uint8), {"odd": "x" * time})
        size = (tmp_path / "NDTiffStack.tif").stat().st_size
        assert size < 300 * (time + 1)
        assert size % 2 == 0
        assert read_stored_coordinates(tmp_path)[-1] == {"time": time}
        with caplog.at_level(logging.DEBUG), tifffile.TiffFile(tmp_path / "NDTiffStack.tif") as tiff:
            assert len(tiff.pages) == time + 1
            np.testing.assert_array_equal(tiff.pages[time].asarray(), image(time, np.uint8))
    storage.close()


def test_axes_of_any_name_and_no_number_for_a_text(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    coordinates = {"self": 3, "channel": "a", "image_coordinates": "b"}
    storage.put(coordinates, image(0), {})
    assert coordinates in storage
    np.testing.assert_array_equal(storage[coordinates], image(0))
    for other in ({**coordinates, "channel": 0}, {"self": 3}, {}):
        assert other not in storage
        with pytest.raises(KeyError, match="no data"):
            storage.get_metadata(other)
    storage.close()


def test_data_that_were_read_belong_to_the_reader(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    storage.put({"time": 0}, image(0), {"n": [1]})
    read = storage[{"time": 0}]
    read[:] = 0
    storage.get_metadata({"time": 0})["n"].append(2)
    np.testing.assert_array_equal(storage[{"time": 0}], image(0))
    assert storage.get_metadata({"time": 0}) == {"n": [1]}
    storage.close()


@needs_file_limit
def test_an_index_that_cannot_grow_takes_the_image_back(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path, largest_file_bytes=1000)
    stored = 0
    with full_disk_after(1000):
        # The files with images stay small: it is the index that meets the limit.
        with contextlib.suppress(OSError):
            while stored < 100:
                storage.put({"time": stored}, image(stored), {})
                stored += 1
        sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
        with pytest.raises(OSError):
            storage.put({"time": stored}, image(50), {})
        assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes
    assert 5 < stored < 100
    assert len(storage) == stored
    storage.put({"time": stored}, image(stored), {})
    np.testing.assert_array_equal(storage[{"time": stored}], image(stored))
    storage.close()
    dataset = ndstorage.Dataset(str(tmp_path))
    assert len(dataset.get_image_coordinates_list()) == stored + 1
    np.testing.assert_array_equal(dataset.read_image(time=stored), image(stored))
    dataset.close()
    n_pages = 0
    for path in tmp_path.glob("*.tif"):
        with tifffile.TiffFile(path) as tiff:
            n_pages += len(tiff.pages)
    assert n_pages == stored + 1


@needs_file_limit
def test_the_last_image_is_marked_as_the_last_after_one_that_failed(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    storage.put({"time": 0}, image(0), {})
    with full_disk_after(400), pytest.raises(OSError):
        storage.put({"time": 1}, image(1, shape=(50, 70)), {})
    storage.close()
    path = tmp_path / "NDTiffStack.tif"
    with tifffile.TiffFile(path) as tiff:
        directory = tiff.pages.first.offset
    assert path.read_bytes()[directory + 2 + 13 * 12 :][:4] == bytes(4)


@needs_file_limit
def test_a_failed_end_is_told_once_and_leaves_nothing_open(tmp_path: Path) -> None:
    storage = NDTiffStorage(tmp_path)
    storage.put({"time": 0}, image(0), {})
    np.testing.assert_array_equal(storage[{"time": 0}], image(0))
    assert _open_files(tmp_path) == {"NDTiffStack.tif", "NDTiff.index"}
    with full_disk_after(10), pytest.raises(OSError):
        storage.close()
    assert _open_files(tmp_path) == set()
    storage.close()
    with pytest.raises(RuntimeError, match="finished"):
        storage.put({"time": 1}, image(1), {})
    dataset = ndstorage.Dataset(str(tmp_path))
    np.testing.assert_array_equal(dataset.read_image(time=0), image(0))
    dataset.close()


def test_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "NDTiffStack.tif").write_bytes(b"precious")
    storage = NDTiffStorage(tmp_path)
    with pytest.raises(FileExistsError, match="choose another folder"):
        storage.put({"time": 0}, image(0), {})
    storage.close()
    assert (tmp_path / "NDTiffStack.tif").read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["NDTiffStack.tif"]


def _open_files(folder: Path) -> set[str]:
    opened = (Path(file.path) for file in psutil.Process().open_files())
    return {path.name for path in opened if path.parent == folder.resolve()}
