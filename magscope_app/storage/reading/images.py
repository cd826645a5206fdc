"""The images of a dataset, all parts, read from their files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.data import DataCoordinates, FrozenDataCoordinates, as_frozen
from magscope_app.errors import MagscopeError
from magscope_app.storage.metadata import without_own
from magscope_app.storage.reading.image_index import ImageEntry, read_entries

INDEX_NAME = "NDTiff.index"


class ImagePart:
    """One folder with NDTiff files; `refresh` notes what was written since.

    Attributes
    ----------
    path : Path
        The folder.
    entries : list of ImageEntry
        Whole images, in the order of their storing.
    problems : list of str
        What is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[ImageEntry] = []
        self.problems: list[str] = []
        self._read_bytes = 0

    def refresh(self) -> list[ImageEntry]:
        """Return the images that were written since the last call."""
        try:
            with (self.path / INDEX_NAME).open("rb") as file:
                file.seek(self._read_bytes)
                content = file.read()
            sizes = {path.name: path.stat().st_size for path in self.path.iterdir()}
        except FileNotFoundError:
            self.problems = [f"{self.path.name} has no index"] if any(self.path.glob("*.tif")) else []
            return []
        except OSError as error:
            raise MagscopeError(
                f"the index of {self.path} cannot be read ({error}); check the disk"
            ) from error
        fresh, end, absent = [], 0, 0
        for entry, end in read_entries(content):  # noqa: B007 - the last end is used after the loop
            if entry.end <= sizes.get(entry.filename, 0):
                fresh.append(entry)
            else:
                absent += 1
        self._read_bytes += end
        self.problems = []
        if end < len(content):
            self.problems.append(
                f"the index of {self.path.name} is damaged or cut off at byte {self._read_bytes}"
            )
        if absent:
            self.problems.append(f"{absent} images of {self.path.name} are cut off")
        self.entries += fresh
        return fresh

    def pixels(self, entry: ImageEntry) -> NDArray[Any]:
        """Read an image (height, width); MagscopeError if it is not in its file."""
        content = self._read(entry.filename, entry.pixel_offset, entry.pixel_bytes)
        return np.frombuffer(content, entry.dtype).reshape(entry.height_px, entry.width_px)

    def metadata(self, entry: ImageEntry) -> dict[str, Any]:
        """Read the metadata of an image as they were put; MagscopeError if they are damaged."""
        content = self._read(entry.filename, entry.metadata_offset, entry.metadata_bytes)
        try:
            return without_own(dict(json.loads(bytes(content))))
        except (ValueError, TypeError, RecursionError) as error:
            raise MagscopeError(
                f"{self.path / entry.filename}: metadata of {dict(entry.coordinates)} are damaged ({error})"
            ) from error

    def _read(self, filename: str, offset: int, n_bytes: int) -> bytearray:
        path = self.path / filename
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                content = bytearray(n_bytes)
                view, done = memoryview(content), 0
                while done < n_bytes and (count := file.readinto(view[done:])):
                    done += count
        except (OSError, MemoryError, OverflowError) as error:
            raise MagscopeError(f"{path} cannot be read ({error}); check the disk") from error
        if done < n_bytes:
            raise MagscopeError(f"{path} is cut off: it ends before byte {offset + n_bytes}")
        return content


class Images:
    """All images of a dataset by their coordinates; may be used from several threads.

    Parameters
    ----------
    folder : Path
        The folder ``video`` with a folder per part; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._parts: dict[str, ImagePart] = {}
        self._places: dict[FrozenDataCoordinates, tuple[ImagePart, ImageEntry]] = {}

    def refresh(self) -> None:
        """Note what was written since; MagscopeError if the folder cannot be read."""
        with self._lock:
            try:
                names = sorted(path.name for path in self._folder.iterdir() if path.is_dir())
            except (FileNotFoundError, NotADirectoryError):
                names = []
            except OSError as error:
                raise MagscopeError(f"{self._folder} cannot be read ({error}); check the disk") from error
            for name in names:
                part = self._parts.setdefault(name, ImagePart(self._folder / name))
                for entry in part.refresh():
                    self._places.setdefault(entry.coordinates, (part, entry))

    @property
    def parts(self) -> list[ImagePart]:
        """The parts, in their order."""
        return list(self._parts.values())

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, coordinates: object) -> bool:
        return isinstance(coordinates, Mapping) and as_frozen(coordinates) in self._places

    def __iter__(self) -> Iterator[FrozenDataCoordinates]:
        return iter(list(self._places))

    def is_finite(self) -> bool:
        """Return True: images are what is there now."""
        return True

    def might_produce_coordinates(self, coordinates: DataCoordinates) -> bool:
        """Return whether there is an image at `coordinates`."""
        return coordinates in self

    def places(self) -> list[tuple[ImagePart, ImageEntry]]:
        """Return where all images stand, in the order of their storing."""
        return list(self._places.values())

    def find(self, coordinates: Mapping[str, Any]) -> tuple[ImagePart, ImageEntry]:
        """Return where an image stands; KeyError if there is none."""
        key = as_frozen(coordinates)
        if key not in self._places:
            self.refresh()
        try:
            return self._places[key]
        except KeyError:
            raise KeyError(f"no image at {key} in {self._folder}") from None
