"""The index of a folder with NDTiff files, entry by entry.

The format is that of the NDTiff specification, version 3: per image the length and text of its axes (JSON),
the length and text of its file name, and eight numbers of 32 bit.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import numpy as np

from magscope_app.data import FrozenDataCoordinates

_LENGTH: Final = struct.Struct("<I")
_NUMBERS: Final = struct.Struct("<8I")
_LONGEST_TEXT: Final = 2**16
_EIGHT_BIT: Final = 0
TYPES: Final = (0, 1, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """Where one image stands.

    Attributes
    ----------
    coordinates : FrozenDataCoordinates
        Its label.
    filename : str
        The TIFF file.
    pixel_offset, metadata_offset, metadata_bytes : int
        Where pixels and metadata begin, and how long the metadata are.
    width_px, height_px : int
        Its size.
    pixel_type : int
        0: 8 bit; 1 and 3 to 6: 16 bit.
    """

    coordinates: FrozenDataCoordinates
    filename: str
    pixel_offset: int
    width_px: int
    height_px: int
    pixel_type: int
    metadata_offset: int
    metadata_bytes: int

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Type of the pixels."""
        return np.dtype(np.uint8) if self.pixel_type == _EIGHT_BIT else np.dtype("<u2")

    @property
    def pixel_bytes(self) -> int:
        """Length of the pixels."""
        return self.width_px * self.height_px * self.dtype.itemsize

    @property
    def end(self) -> int:
        """Length that the file has at least if the image is whole."""
        return max(self.pixel_offset + self.pixel_bytes, self.metadata_offset + self.metadata_bytes)

    def encoded(self) -> bytes:
        """Return the entry as it stands in an index."""
        axes, name = json.dumps(self.coordinates.coordinate_dict).encode(), self.filename.encode()
        numbers = _NUMBERS.pack(
            self.pixel_offset,
            self.width_px,
            self.height_px,
            self.pixel_type,
            0,
            self.metadata_offset,
            self.metadata_bytes,
            0,
        )
        return _LENGTH.pack(len(axes)) + axes + _LENGTH.pack(len(name)) + name + numbers


def read_entries(content: bytes) -> Iterator[tuple[ImageEntry, int]]:
    """Yield entries and where each ends, until the content ends, is cut off or makes no sense."""
    start = 0
    while (found := read_entry(content, start)) is not None:
        yield found
        start = found[1]


def read_entry(content: bytes, start: int) -> tuple[ImageEntry, int] | None:
    """Return the entry that begins at `start` and where it ends; None if there is none."""
    try:
        axes, start = _read_text(content, start)
        filename, start = _read_text(content, start)
        offset, width, height, kind, packed, metadata_offset, metadata_bytes, _ = _NUMBERS.unpack_from(
            content, start
        )
        coordinates = FrozenDataCoordinates(json.loads(axes))
    except (struct.error, ValueError, TypeError, RecursionError):
        return None
    # A name, not a path: a damaged index must not lead out of the folder.
    if kind not in TYPES or packed or not (width and height) or PurePath(filename).name != filename:
        return None
    entry = ImageEntry(coordinates, filename, offset, width, height, kind, metadata_offset, metadata_bytes)
    return entry, start + _NUMBERS.size


def _read_text(content: bytes, start: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(content, start)
    end = start + _LENGTH.size + length
    if length > _LONGEST_TEXT or end > len(content):
        raise ValueError("cut off")
    return content[start + _LENGTH.size : end].decode(), end
