"""One part of the video: every image that its files hold, and an index of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from magscope_app.data import FrozenDataCoordinates
from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.image_index import ImageEntry
from magscope_app.storage.reading.images import INDEX_NAME, ImagePart
from magscope_app.storage.repairing.copying import Progress, copy, share
from magscope_app.storage.repairing.tiff_walk import walk_tiff

_HEADER_BYTES = 28


@dataclass(frozen=True, slots=True)
class RepairedPart:
    """What became of a part: its images, and what was wrong or is missing."""

    entries: list[ImageEntry]
    notes: list[str]


def repair_part(source: Path, target: Path, progress: Progress) -> RepairedPart:
    """Write a sound copy of a part; files that need no change are shared with the original.

    Raises
    ------
    OSError, MagscopeError
        If files cannot be read, or the disk does not take the copy.
    """
    target.mkdir(parents=True)
    part = ImagePart(source)
    entries: dict[FrozenDataCoordinates, ImageEntry] = {}
    for block in part.refresh():
        entries.update((block[at].coordinates, block[at]) for at in range(len(block)))
    n_indexed = len(entries)
    notes = list(part.problems)
    for path in sorted(source.iterdir()):
        if not path.is_file() or path.name == INDEX_NAME:
            continue
        progress(f"searching {source.name}/{path.name}", 0.0)
        if path.suffix != ".tif":
            share(path, target / path.name, progress)
            continue
        if path.stat().st_size < _HEADER_BYTES:
            notes.append(f"{source.name}/{path.name} is empty and was left out")
            continue
        walk = walk_tiff(path)
        for entry in walk.entries:
            entries.setdefault(entry.coordinates, entry)
        _take_over(path, target / path.name, walk.corrections, progress)
    if len(entries) > n_indexed:
        notes.append(f"{len(entries) - n_indexed} images of {source.name} were not in its index: added")
    readable: list[ImageEntry] = []
    for number, entry in enumerate(entries.values()):
        progress(f"checking the images of {source.name}", number / len(entries))
        if _is_readable(part, entry):
            readable.append(entry)
    if len(readable) < len(entries):
        notes.append(f"{len(entries) - len(readable)} images of {source.name} cannot be read")
    if readable:
        (target / INDEX_NAME).write_bytes(b"".join(entry.encoded() for entry in readable))
    return RepairedPart(readable, notes)


def _take_over(
    source: Path, target: Path, corrections: tuple[tuple[int, int], ...], progress: Progress
) -> None:
    if not corrections:
        share(source, target, progress)
        return
    copy(source, target, progress)
    # After a kill the last image points to one that never came: readers of TIFF would complain.
    with target.open("r+b") as file:
        for pointer_at, offset in corrections:
            file.seek(pointer_at)
            file.write(struct.pack("<I", offset))


def _is_readable(part: ImagePart, entry: ImageEntry) -> bool:
    try:
        part.metadata(entry)
    except MagscopeError:
        return False
    return True
