"""Which images a part has, where its index and its files say different things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from magscope_app.data import FrozenDataCoordinates
from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.image_index import ImageEntry, read_entries
from magscope_app.storage.reading.images import INDEX_NAME, ImagePart


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """The images of a part.

    Attributes
    ----------
    entries : list of ImageEntry
        One per coordinates, in the order of their storing; some of the index may not be readable.
    n_wrong : int
        Entries of the index that the files contradict.
    n_added : int
        Images that are not in the index.
    """

    entries: list[ImageEntry]
    n_wrong: int
    n_added: int


def read_index(folder: Path) -> list[ImageEntry]:
    """Return the entries of an index as far as they make sense, also of images that are cut off."""
    try:
        content = (folder / INDEX_NAME).read_bytes()
    except FileNotFoundError:
        return []
    return [entry for entry, _ in read_entries(content)]


def choose(part: ImagePart, indexed: list[ImageEntry], walked: list[ImageEntry]) -> ImageChoice:
    """Choose the images: what the files say of themselves counts more than the index.

    Of several with the same coordinates one counts on which index and files agree, or else the first.
    """
    agreed = {entry.coordinates: entry for entry in set(walked).intersection(indexed)}
    own: dict[FrozenDataCoordinates, ImageEntry] = {}
    for entry in walked:
        own.setdefault(entry.coordinates, agreed.get(entry.coordinates, entry))
    chosen: dict[FrozenDataCoordinates, ImageEntry] = {}
    n_wrong = 0
    for entry in indexed:
        found = own.get(entry.coordinates)
        if found is None:
            if _contradicts(part, entry):
                n_wrong += 1
            else:
                chosen.setdefault(entry.coordinates, entry)
            continue
        # A directory may be damaged, too: we write metadata behind the pixels.
        if found != entry and not _is_laid_out(found) and _is_laid_out(entry):
            found = entry
        n_wrong += found != entry
        chosen.setdefault(entry.coordinates, found)
    added = [entry for coordinates, entry in own.items() if coordinates not in chosen]
    return ImageChoice([*chosen.values(), *added], n_wrong, len(added))


def _contradicts(part: ImagePart, entry: ImageEntry) -> bool:
    try:
        return part.contradicts(entry)
    except MagscopeError:
        return False


def _is_laid_out(entry: ImageEntry) -> bool:
    return entry.metadata_offset == entry.pixel_offset + entry.pixel_bytes
