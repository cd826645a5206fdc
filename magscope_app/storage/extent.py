"""How far a recording got: what can be read in files that are being written or were never finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py

from magscope_app.data.coordinates import FrozenDataCoordinates
from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.hdf5_view import read_hdf5
from magscope_app.storage.reading.image_index import read_entries
from magscope_app.storage.reading.tracks_content import TracksContent


@dataclass(frozen=True, slots=True)
class TracksExtent:
    """What can be read in a tracks file.

    Attributes
    ----------
    n_frames : int
        Whole frames.
    n_records : int
        Records of these frames.
    last_frame_id : int or None
        Id of the last whole frame; None without frames.
    """

    n_frames: int
    n_records: int
    last_frame_id: int | None


def read_tracks_extent(path: str | Path) -> TracksExtent:
    """Read how far a tracks file got; also while it is written by another process and after a kill.

    Raises
    ------
    MagscopeError
        If it is no tracks file.
    """
    return read_hdf5(Path(path), _extent)


def _extent(file: h5py.File) -> TracksExtent:
    content = TracksContent(file)
    last = content.frames(content.n_frames - 1) if content.n_frames else None
    return TracksExtent(
        content.n_frames, content.n_records, None if last is None else int(last["frame_id"][0])
    )


def read_stored_coordinates(folder: str | Path) -> list[FrozenDataCoordinates]:
    """Read the coordinates of all whole images in a folder with NDTiff files, in their order of storing.

    Works while the files are written and after a kill. Entries of the index that are cut off, or whose image
    is not in its file, are left out. A folder without an index holds no images.

    Raises
    ------
    MagscopeError
        If the index cannot be read.
    """
    index = Path(folder) / "NDTiff.index"
    if not index.exists():
        return []
    try:
        content = index.read_bytes()
        sizes = {path.name: path.stat().st_size for path in index.parent.glob("*.tif")}
    except OSError as error:
        raise MagscopeError(f"{index} cannot be read ({error}); check the disk") from error
    return [
        entry.coordinates for entry, _ in read_entries(content) if entry.end <= sizes.get(entry.filename, 0)
    ]
