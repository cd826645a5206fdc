"""How far a recording got: what can be read in files that are being written or were never finished."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import h5py

from magscope_app.data.coordinates import FrozenDataCoordinates
from magscope_app.errors import MagscopeError

_LENGTH = struct.Struct("<I")
_NUMBERS = struct.Struct("<8I")


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
    try:
        with h5py.File(path, "r", swmr=True, locking="best-effort") as file:
            group = file["tracking"]
            # Timestamps are appended last: what they count is whole.
            n_frames = len(group["frame_timestamps_ns"])
            n_records = int(group["frame_offsets"][n_frames])
            last = int(group["frame_ids"][n_frames - 1]) if n_frames else None
            return TracksExtent(n_frames, n_records, last)
    except (OSError, KeyError, RuntimeError, ValueError, IndexError) as error:
        raise MagscopeError(f"{path} cannot be read as a tracks file ({error})") from error


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
    found: list[FrozenDataCoordinates] = []
    start = 0
    while (entry := _read_entry(content, start)) is not None:
        axes, filename, image_end, start = entry
        if image_end <= sizes.get(filename, 0):
            found.append(FrozenDataCoordinates(axes))
    return found


def _read_entry(content: bytes, start: int) -> tuple[dict[str, int | str], str, int, int] | None:
    """Return axes, file name, end of the image and start of the next entry; None for a cut-off entry."""
    texts = []
    for _ in range(2):
        if start + _LENGTH.size > len(content):
            return None
        (length,) = _LENGTH.unpack_from(content, start)
        start += _LENGTH.size
        texts.append(content[start : start + length])
        start += length
    if start + _NUMBERS.size > len(content):
        return None
    # Pixels, then metadata: an image ends where its metadata end.
    *_, metadata_offset, metadata_bytes, _compression = _NUMBERS.unpack_from(content, start)
    return json.loads(texts[0]), texts[1].decode(), metadata_offset + metadata_bytes, start + _NUMBERS.size
