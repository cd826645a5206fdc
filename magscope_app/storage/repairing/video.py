"""One part of the video: every image that its files hold, and an index of them."""

from __future__ import annotations

import struct
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from magscope_app.data import FrozenDataCoordinates
from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.image_index import ImageEntry
from magscope_app.storage.reading.images import INDEX_NAME, ImagePart
from magscope_app.storage.repairing.copying import Progress, copy, share
from magscope_app.storage.repairing.found import FoundImage
from magscope_app.storage.repairing.image_choice import choose, read_index
from magscope_app.storage.repairing.tiff_walk import walk_tiff

_HEADER_BYTES = 28


@dataclass(frozen=True, slots=True)
class RepairedPart:
    """What became of a part.

    Attributes
    ----------
    images : dict
        The images that can be read, by coordinates.
    lost : list of FoundImage
        Images of the index that cannot be read.
    notes : list of str
        What was wrong, was put right or is missing.
    """

    images: dict[FrozenDataCoordinates, FoundImage]
    lost: list[FoundImage]
    notes: list[str]


def repair_part(
    source: Path, target: Path, progress: Progress, earlier: Container[FrozenDataCoordinates] = ()
) -> RepairedPart:
    """Write a sound copy of a part; files that need no change are shared with the original.

    Images with `earlier` coordinates, those of the parts before, stay out of its index.

    Raises
    ------
    OSError, MagscopeError
        If files cannot be read, or the disk does not take the copy.
    """
    target.mkdir(parents=True)
    part = ImagePart(source)
    part.refresh()
    notes = list(part.problems)
    walked = _walk_files(source, target, progress, notes)
    choice = choose(part, read_index(source), walked)
    if choice.n_wrong:
        notes.append(f"{choice.n_wrong} entries of the index of {source.name} were wrong: written anew")
    if choice.n_added:
        notes.append(f"{choice.n_added} images of {source.name} were not in its index: added")
    images: dict[FrozenDataCoordinates, FoundImage] = {}
    lost: list[FoundImage] = []
    index: list[bytes] = []
    for at, entry in enumerate(choice.entries):
        progress(f"checking the images of {source.name}", at / len(choice.entries))
        metadata = _metadata(part, entry)
        found = FoundImage.of(entry.coordinates, metadata)
        if metadata is None:
            lost.append(found)
        elif entry.coordinates not in earlier:
            images[entry.coordinates] = found
            index.append(entry.encoded())
    if lost:
        notes.append(f"{len(lost)} images of {source.name} cannot be read")
    if repeats := len(choice.entries) - len(lost) - len(images):
        notes.append(f"{repeats} images of {source.name} are in a part before it, too: those are read")
    # An index without images says that there are none; a TIFF file without an index is damage.
    if index or any(target.glob("*.tif")):
        (target / INDEX_NAME).write_bytes(b"".join(index))
    return RepairedPart(images, lost, notes)


def _walk_files(source: Path, target: Path, progress: Progress, notes: list[str]) -> list[ImageEntry]:
    """Give all files to the copy, the chains in them put right, and return the images that they hold."""
    entries: list[ImageEntry] = []
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
        entries += walk.entries
        if any(offset for _, offset in walk.corrections):
            notes.append(f"{source.name}/{path.name} is damaged: images in it may be missing")
        _take_over(path, target / path.name, walk.corrections, progress)
    return entries


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


def _metadata(part: ImagePart, entry: ImageEntry) -> dict[str, object] | None:
    try:
        return part.metadata(entry)
    except MagscopeError:
        return None
