"""The images of a dataset, all parts, read from their files."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.data import DataCoordinates, FrozenDataCoordinates, as_frozen
from magscope_app.errors import MagscopeError
from magscope_app.storage.metadata import without_own
from magscope_app.storage.reading.contradiction import contradiction
from magscope_app.storage.reading.image_blocks import Block, Places, read_blocks
from magscope_app.storage.reading.image_index import ImageEntry

INDEX_NAME = "NDTiff.index"
#: Longer metadata are not read along with pixels: only damage makes them so long.
_MOST_READ_ALONG = 2**20


class ImagePart:
    """One folder with NDTiff files; `refresh` notes what was written since.

    Attributes
    ----------
    path : Path
        The folder.
    n_images : int
        Whole images.
    problems : list of str
        What is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_images = 0
        self.problems: list[str] = []
        self._read_bytes = 0

    def refresh(self) -> list[Block]:
        """Return the images that were written since the last call, in the order of their storing."""
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
        fresh: list[Block] = []
        end, absent = 0, 0
        for block, end in read_blocks(content):  # noqa: B007 - the last end is used after the loop
            whole = block.select(block.ends <= sizes.get(block.filename, 0))
            absent += len(block) - len(whole)
            if len(whole):
                fresh.append(whole)
        self._read_bytes += end
        self.problems = []
        if end < len(content):
            self.problems.append(
                f"the index of {self.path.name} is damaged or cut off at byte {self._read_bytes}"
            )
        if absent:
            self.problems.append(f"{absent} images of {self.path.name} are cut off")
        self.n_images += sum(map(len, fresh))
        return fresh

    def pixels(self, entry: ImageEntry) -> NDArray[Any]:
        """Read an image (height, width); MagscopeError if it is not in its file, or another one is there."""
        shape = entry.height_px, entry.width_px
        # Metadata tell which image this is. Behind the pixels, where we write them, they come with one read.
        n_more = entry.metadata_bytes if entry.metadata_bytes <= _MOST_READ_ALONG else 0
        follows = entry.metadata_offset == entry.pixel_offset + entry.pixel_bytes
        with self._open(entry.filename) as file:
            n_bytes = entry.pixel_bytes + (n_more if follows else 0)
            content = self._read_from(file, entry.filename, entry.pixel_offset, n_bytes)
            about = memoryview(content)[entry.pixel_bytes :]
            if not follows:
                about = memoryview(self._read_from(file, entry.filename, entry.metadata_offset, n_more))
        self._require(entry, bytes(about))
        return np.frombuffer(content, entry.dtype, entry.width_px * entry.height_px).reshape(shape)

    def contradicts(self, entry: ImageEntry) -> bool:
        """Return whether the file says of an image something else than `entry`; MagscopeError without it."""
        content = self._read(entry.filename, entry.metadata_offset, entry.metadata_bytes)
        return contradiction(entry, bytes(content)) is not None

    def _require(self, entry: ImageEntry, metadata: bytes) -> None:
        if (said := contradiction(entry, metadata)) is not None:
            raise MagscopeError(
                f"{self.path / entry.filename}: the index leads for {dict(entry.coordinates)} to {said}; "
                "`magscope-app repair` writes another index"
            )

    def metadata(self, entry: ImageEntry) -> dict[str, Any]:
        """Read the metadata of an image as they were put; MagscopeError if they are damaged."""
        with self._open(entry.filename) as file:
            return self._metadata(file, entry)

    def _metadata(self, file: RawIOBase, entry: ImageEntry) -> dict[str, Any]:
        content = self._read_from(file, entry.filename, entry.metadata_offset, entry.metadata_bytes)
        self._require(entry, bytes(content))
        try:
            return without_own(dict(json.loads(bytes(content))))
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise MagscopeError(
                f"{self.path / entry.filename}: metadata of {dict(entry.coordinates)} are damaged ({error})"
            ) from error

    def metadata_of(self, entries: Iterable[ImageEntry]) -> Iterator[dict[str, Any]]:
        """Yield the metadata of images of one file, which is opened once; errors as of `metadata`."""
        with contextlib.ExitStack() as stack:
            file: RawIOBase | None = None
            for entry in entries:
                if file is None:
                    file = stack.enter_context(self._open(entry.filename))
                yield self._metadata(file, entry)

    def _read(self, filename: str, offset: int, n_bytes: int) -> bytearray:
        with self._open(filename) as file:
            return self._read_from(file, filename, offset, n_bytes)

    def _open(self, filename: str) -> RawIOBase:
        path = self.path / filename
        try:
            return path.open("rb", buffering=0)
        except OSError as error:
            raise MagscopeError(f"{path} cannot be read ({error}); check the disk") from error

    def _read_from(self, file: RawIOBase, filename: str, offset: int, n_bytes: int) -> bytearray:
        path = self.path / filename
        try:
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
        self._places: Places[ImagePart] = Places()

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
                if fresh := part.refresh():
                    self._places = self._places.extended(part, fresh)

    @property
    def parts(self) -> list[ImagePart]:
        """The parts, in their order."""
        return list(self._parts.values())

    def problems(self) -> list[str]:
        """Say what is wrong with the parts, as far as that is seen without reading all images."""
        found = []
        for part in self.parts:
            found += part.problems
            places = self.places(part.path.name)
            for entry in [places[at][1] for at in {0, len(places) - 1} if at >= 0 and len(places)]:
                with contextlib.suppress(MagscopeError):
                    if part.contradicts(entry):
                        found.append(f"the index of {part.path.name} and its images contradict each other")
                        break
        if repeats := sum(part.n_images for part in self.parts) - len(self):
            found.append(f"{repeats} images have the coordinates of another: the first of each counts")
        return found

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, coordinates: object) -> bool:
        return isinstance(coordinates, Mapping) and self._places.find(as_frozen(coordinates)) is not None

    def __iter__(self) -> Iterator[FrozenDataCoordinates]:
        return (entry.coordinates for _, entry in self._places)

    def is_finite(self) -> bool:
        """Return True: images are what is there now."""
        return True

    def might_produce_coordinates(self, coordinates: DataCoordinates) -> bool:
        """Return whether there is an image at `coordinates`."""
        return coordinates in self

    def places(self, part: str | None = None) -> Places[ImagePart]:
        """Return where all images stand, or those of one part, in the order of their storing."""
        return self._places.chosen(lambda one: part is None or one.path.name == part)

    def metadata(self) -> Iterator[dict[str, Any]]:
        """Yield the metadata of all images, in the order of `values`; each file is opened once."""
        for (part, _), group in itertools.groupby(self._places, lambda place: (place[0], place[1].filename)):
            yield from part.metadata_of(entry for _, entry in group)

    def values(self, axis: str) -> NDArray[np.int64]:
        """Return the number (n,) that every image has along an axis; -1 for one without."""
        return self._places.values(axis)

    def find(self, coordinates: Mapping[str, Any]) -> tuple[ImagePart, ImageEntry]:
        """Return where an image stands; KeyError if there is none."""
        key = as_frozen(coordinates)
        if (found := self._places.find(key)) is None:
            self.refresh()
            found = self._places.find(key)
        if found is None:
            raise KeyError(f"no image at {key} in {self._folder}")
        return found
