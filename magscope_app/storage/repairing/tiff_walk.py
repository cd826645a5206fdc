"""The images of an NDTiff file, found without its index: directory by directory.

Tags are those of TIFF 6.0; 51123 holds the metadata as NDTiff and Micro-Manager write them.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from magscope_app.data import FrozenDataCoordinates
from magscope_app.storage.metadata import OWN_KEY
from magscope_app.storage.reading.image_index import ImageEntry

_WIDTH, _HEIGHT, _BITS, _STRIP, _METADATA = 256, 257, 258, 273, 51123
_ENTRY: Final = struct.Struct("<HHII")
_POINTER: Final = struct.Struct("<I")
_COUNT: Final = struct.Struct("<H")
_FIRST_POINTER_AT: Final = 4
_MOST_ENTRIES: Final = 64
#: Directories of ours begin so: 13 entries, the first of which is the width, one number of 32 bit.
_SIGNATURE: Final = bytes.fromhex("0d00 0001 0400 01000000")
_SEARCH_BYTES: Final = 2**22
_LONGEST_METADATA: Final = 2**26


@dataclass(frozen=True, slots=True)
class TiffWalk:
    """What a TIFF file holds.

    Attributes
    ----------
    entries : tuple of ImageEntry
        Its whole images that say their coordinates.
    corrections : tuple of (int, int)
        Where a pointer leads to no directory, and where it should lead: to the next one that was found, or
        to 0, which is the end. None in a sound file.
    """

    entries: tuple[ImageEntry, ...]
    corrections: tuple[tuple[int, int], ...]


def walk_tiff(path: Path) -> TiffWalk:
    """Find the images of a file, also behind damage; OSError if it cannot be read."""
    entries: list[ImageEntry] = []
    corrections: list[tuple[int, int]] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        pointer_at, position = _FIRST_POINTER_AT, 0
        while (offset := _number(file, pointer_at, _POINTER)) != 0:
            # Directories come one after the other: one that points back would never end.
            sound = offset is not None and offset > position
            found = _image(file, path.name, offset, size) if sound and offset is not None else None
            if found is None or offset is None:
                begin = max(position, pointer_at) + _POINTER.size
                offset, found = _search(file, path.name, begin, size)
                corrections.append((pointer_at, offset))
            if found is None:
                break
            position = offset
            entry, pointer_at = found
            if entry is not None:
                entries.append(entry)
    return TiffWalk(tuple(entries), tuple(corrections))


def _image(file: IO[bytes], filename: str, offset: int, size: int) -> tuple[ImageEntry | None, int] | None:
    """Return the image of a directory, None for one that we did not write, and where its pointer stands."""
    if (found := _directory(file, offset)) is None:
        return None
    tags, pointer_at = found
    n_bytes, metadata_at = tags.get(_METADATA, (0, 0))
    if metadata_at + n_bytes > size:
        return None
    entry = _entry(file, filename, tags)
    return (entry, pointer_at) if entry is None or entry.end <= size else None


def _search(
    file: IO[bytes], filename: str, begin: int, size: int
) -> tuple[int, tuple[ImageEntry | None, int] | None]:
    """Look behind `begin` for the next directory that we wrote; 0 and None if there is none."""
    start, overlap = begin, len(_SIGNATURE) - 1
    while start < size:
        file.seek(start)
        piece = file.read(_SEARCH_BYTES)
        at = piece.find(_SIGNATURE)
        while at >= 0:
            found = _image(file, filename, start + at, size)
            if found is not None and found[0] is not None:
                return start + at, found
            at = piece.find(_SIGNATURE, at + 1)
        start += max(1, len(piece) - overlap)
    return 0, None


def _number(file: IO[bytes], offset: int, kind: struct.Struct) -> int | None:
    file.seek(offset)
    content = file.read(kind.size)
    return int(kind.unpack(content)[0]) if len(content) == kind.size else None


def _directory(file: IO[bytes], offset: int) -> tuple[dict[int, tuple[int, int]], int] | None:
    """Return count and value per tag, and where the pointer to the next directory stands."""
    count = _number(file, offset, _COUNT)
    if not count or count > _MOST_ENTRIES:
        return None
    content = file.read(count * _ENTRY.size)
    end = offset + _COUNT.size + count * _ENTRY.size
    if len(content) < count * _ENTRY.size or len(file.read(_POINTER.size)) < _POINTER.size:
        return None
    return {tag: (n, value) for tag, _, n, value in _ENTRY.iter_unpack(content)}, end


def _entry(file: IO[bytes], filename: str, tags: dict[int, tuple[int, int]]) -> ImageEntry | None:
    if any(tag not in tags for tag in (_WIDTH, _HEIGHT, _BITS, _STRIP, _METADATA)):
        return None
    n_bytes, metadata_at = tags[_METADATA]
    coordinates = _coordinates(file, metadata_at, n_bytes)
    width, height, bits, strip = (tags[tag][1] for tag in (_WIDTH, _HEIGHT, _BITS, _STRIP))
    if coordinates is None or not (width and height) or bits not in (8, 16):
        return None
    return ImageEntry(
        coordinates, filename, strip, width, height, 0 if bits == 8 else 1, metadata_at, n_bytes
    )


def _coordinates(file: IO[bytes], offset: int, n_bytes: int) -> FrozenDataCoordinates | None:
    if n_bytes > _LONGEST_METADATA:
        return None
    file.seek(offset)
    try:
        return FrozenDataCoordinates(json.loads(file.read(n_bytes))[OWN_KEY]["axes"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
