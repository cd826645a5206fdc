from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.errors import MagscopeError
from magscope_app.storage import (
    NDTiffStorage,
    TracksExtent,
    TracksFile,
    read_stored_coordinates,
    read_tracks_extent,
)
from tests.data.rows import make_rows


def test_tracks_while_they_are_written_and_after(tmp_path: Path) -> None:
    path = tmp_path / "tracks.h5"
    tracks = TracksFile(path, unix_start_ns=0)
    assert read_tracks_extent(path) == TracksExtent(0, 0, None)
    tracks.append_rows(make_rows(range(7, 10), 4))
    tracks.flush()
    assert read_tracks_extent(path) == TracksExtent(2, 8, 8)
    tracks.close()
    assert read_tracks_extent(path) == TracksExtent(3, 12, 9)


def test_what_is_no_tracks_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"abc")
    for path in (tmp_path / "other", tmp_path / "absent"):
        with pytest.raises(MagscopeError, match=r"is no HDF5 file|cannot be read"):
            read_tracks_extent(path)


@pytest.mark.timeout(20)
def test_a_cut_off_tracks_file_is_read_or_refused_but_never_hangs(tmp_path: Path) -> None:
    path = tmp_path / "tracks.h5"
    tracks = TracksFile(path, unix_start_ns=0)
    for start in range(0, 60, 20):
        tracks.append_rows(make_rows(range(start, start + 20), 4))
        tracks.flush()
    whole = path.read_bytes()
    tracks.close()
    told = 0
    for n_bytes in range(0, len(whole), len(whole) // 6):
        path.write_bytes(whole[:n_bytes])
        try:
            assert read_tracks_extent(path).n_frames <= 59
        except MagscopeError as error:
            told += str(path) in str(error)
    assert told > 1


def test_images_while_they_are_written_and_after(tmp_path: Path) -> None:
    assert read_stored_coordinates(tmp_path) == []
    storage = NDTiffStorage(tmp_path, largest_file_bytes=2000)
    stored = [{"time": time, "channel": "ä"} for time in range(20)]
    for coordinates in stored:
        storage.put(coordinates, np.zeros((5, 7), np.uint8), {})
        assert read_stored_coordinates(tmp_path)[-1] == coordinates
    storage.close()
    assert read_stored_coordinates(tmp_path) == stored


@settings(max_examples=30, deadline=None)
@given(index_cut=st.integers(0, 80), file_cut=st.integers(0, 400))
def test_what_is_cut_off_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, index_cut: int, file_cut: int
) -> None:
    folder = tmp_path_factory.mktemp("ndtiff")
    storage = NDTiffStorage(folder)
    ends = []
    for time in range(4):
        storage.put({"time": time}, np.zeros((5, 7), np.uint8), {"n": 10**time})
        ends.append((folder / "NDTiffStack.tif").stat().st_size)
    storage.close()
    for name, cut in (("NDTiff.index", index_cut), ("NDTiffStack.tif", file_cut)):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) - cut])
    found = read_stored_coordinates(folder)
    assert found == [{"time": time} for time in range(len(found))]
    # The last byte of a file may be padding.
    whole_images = sum(end - 1 <= ends[-1] - file_cut for end in ends)
    entry_bytes = (len(b'{"time": 0}') + len(b"NDTiffStack.tif")) + 8 + 32
    whole_entries = 4 - -(-index_cut // entry_bytes)
    expected = min(whole_images, whole_entries)
    assert len(found) in (expected, expected - 1)
