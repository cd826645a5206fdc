"""Images on disk in the NDTiff format, readable by ndstorage, Micro-Manager and every TIFF reader."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.data.coordinates import FrozenDataCoordinates, as_frozen
from magscope_app.data.storage import Coordinates, DataStorage, Metadata, Pixels
from magscope_app.storage import metadata as metadata_json
from magscope_app.storage.ndtiff_writer import (
    LARGEST_FILE_BYTES,
    ImagePlace,
    NDTiffFile,
    NDTiffIndex,
    as_writable_image,
)


class NDTiffStorage(DataStorage):
    """A folder of TIFF files with an index, written image by image.

    Every image and its entry in the index reach the operating system before `put` returns: they survive the
    death of this process. Nothing is held but two open files, so a storage that nobody finished keeps no
    process alive.

    Parameters
    ----------
    directory : str or Path
        The folder; created if it does not exist.
    name : str, optional
        Put the files into a new folder ``<directory>/<name>_1`` (2, 3 … where that exists) and their names
        after `name`.
    summary_metadata : mapping, optional
        What applies to all images.
    largest_file_bytes : int
        A new file is begun before one grows beyond this; at most about 4 GiB.

    Attributes
    ----------
    path : Path
        The folder with the files.

    Raises
    ------
    FileExistsError
        If the folder already holds an NDTiff dataset: this format cannot be continued.
    OSError
        If the folder cannot be made.
    """

    def __init__(
        self,
        directory: str | Path,
        name: str | None = None,
        summary_metadata: Mapping[str, Any] | None = None,
        *,
        largest_file_bytes: int = LARGEST_FILE_BYTES,
    ) -> None:
        self._summary = metadata_json.encode(summary_metadata or {})
        self.path = Path(directory) if name is None else _new_folder(Path(directory), name)
        self.path.mkdir(parents=True, exist_ok=True)
        if (self.path / "NDTiff.index").exists():
            raise FileExistsError(
                f"{self.path} already holds an NDTiff dataset, which cannot grow; choose another folder"
            )
        self._stem = "NDTiffStack" if name is None else f"{name}_NDTiffStack"
        self._largest_file_bytes = largest_file_bytes
        self._places: dict[FrozenDataCoordinates, ImagePlace] = {}
        self._axis_types: dict[str, type] = {}
        self._index: NDTiffIndex | None = None
        self._file: NDTiffFile | None = None
        self._filenames: list[str] = []
        self._readers: dict[int, FileIO] = {}
        self._read_lock = threading.Lock()
        self._finished = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, coordinates: object) -> bool:
        return isinstance(coordinates, Mapping) and as_frozen(coordinates) in self._places

    def why_not(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], axes: Coordinates | None = None
    ) -> str | None:
        """Say why such images cannot be stored; None if they can (see `DataStorage.why_not`)."""
        if len(shape) != 2 or 0 in shape:
            return f"NDTiff holds images of (height, width), not of shape {shape}"
        if dtype.kind != "u" or dtype.itemsize > 2:
            return f"NDTiff holds 8-bit and 16-bit unsigned pixels, not {dtype}"
        if shape[0] * shape[1] * dtype.itemsize > self._largest_file_bytes // 2:
            return (
                f"an image of {shape[1]} × {shape[0]} pixels is too large for files of 4 GiB or the size set"
            )
        if axes is not None:
            if not axes:
                return "NDTiff needs at least one axis, such as time"
            for axis, value in axes.items():
                known = self._axis_types.get(axis, type(value))
                if type(value) is not known:
                    return f"the axis {axis!r} has {known.__name__} values, so {value!r} does not fit"
        return None

    def put(self, coordinates: Coordinates, data: Pixels, metadata: Mapping[str, Any]) -> None:
        """Write one image (see `DataStorage.put`).

        Parameters
        ----------
        coordinates : DataCoordinates or mapping
            One type of value per axis.
        data : ndarray (height, width)
            uint8 or uint16, of any strides and byte order.
        metadata : mapping
            Anything that JSON holds; numpy scalars and arrays become numbers and lists.

        Raises
        ------
        KeyError
            If these coordinates are already stored.
        ValueError, TypeError
            If NDTiff cannot hold the data or the metadata; nothing is written.
        OSError
            If the disk does not take them; what was stored before stays readable.
        RuntimeError
            After `finish`.
        """
        if self._finished:
            raise RuntimeError(f"the storage {self.path} is finished: nothing can be put any more")
        key = as_frozen(coordinates)
        if key in self._places:
            raise KeyError(f"data at {key!r} are already stored in {self.path}")
        if (reason := self.why_not(data.shape, data.dtype, key)) is not None:
            raise ValueError(reason)
        axes = key.coordinate_dict
        text = metadata_json.encode(metadata, axes)
        image = as_writable_image(data)
        file, index = self._writers_for(image.nbytes, len(text))
        place = file.append(image, text)
        index.append(place.index_entry(json.dumps(axes).encode(), file.path.name))
        for axis, value in axes.items():
            self._axis_types[axis] = type(value)
        # Last: from here on readers find it.
        self._places[key] = place

    def get_data(self, coordinates: Coordinates) -> Pixels:
        """Read the pixels (height, width) at `coordinates` from disk; KeyError if there are none."""
        place = self._place(coordinates)
        data = np.empty((place.height, place.width), dtype=f"<u{place.pixel_bytes}")
        self._read_into(place.file_index, place.pixel_offset, data.data.cast("B"))
        return data

    def get_metadata(self, coordinates: Coordinates) -> Metadata:
        """Read the metadata at `coordinates` from disk, as they were put; KeyError if there are none."""
        place = self._place(coordinates)
        text = bytearray(place.metadata_bytes)
        self._read_into(place.file_index, place.metadata_offset, memoryview(text))
        return metadata_json.decode(bytes(text))[0]

    def finish(self) -> None:
        """Complete the files; nothing more can be put, everything can still be read."""
        if not self._finished:
            self._finished = True
            try:
                if self._file is not None:
                    self._file.close()
            finally:
                if self._index is not None:
                    self._index.close()

    def close(self) -> None:
        """Finish and close every file."""
        try:
            self.finish()
        finally:
            with self._read_lock:
                self._closed = True
                while self._readers:
                    self._readers.popitem()[1].close()

    def _place(self, coordinates: Coordinates) -> ImagePlace:
        key = as_frozen(coordinates)
        try:
            return self._places[key]
        except KeyError:
            raise KeyError(f"no data at {key!r} in {self.path}") from None

    def _writers_for(self, image_bytes: int, metadata_bytes: int) -> tuple[NDTiffFile, NDTiffIndex]:
        if self._file is not None and not self._file.has_room(image_bytes, metadata_bytes):
            self._file.close()
            self._file = None
        if self._file is None:
            number = len(self._filenames)
            filename = f"{self._stem}_{number}.tif" if number else f"{self._stem}.tif"
            self._file = NDTiffFile(self.path / filename, number, self._summary, self._largest_file_bytes)
            self._filenames.append(filename)
        if self._index is None:
            self._index = NDTiffIndex(self.path / "NDTiff.index")
        return self._file, self._index

    def _read_into(self, file_index: int, offset: int, target: memoryview) -> None:
        with self._read_lock:
            if self._closed:
                raise RuntimeError(f"the storage {self.path} is closed: open it with a reader")
            if file_index not in self._readers:
                self._readers[file_index] = (self.path / self._filenames[file_index]).open("rb", buffering=0)
            reader = self._readers[file_index]
            reader.seek(offset)
            while target:
                count = reader.readinto(target)
                if not count:
                    raise OSError(f"{self.path / self._filenames[file_index]} ends before the image does")
                target = target[count:]


def _new_folder(directory: Path, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    pattern = re.compile(re.escape(name) + r"_(\d+)$", re.IGNORECASE)
    numbers = [int(found[1]) for entry in directory.iterdir() if (found := pattern.match(entry.name))]
    folder = directory / f"{name}_{max(numbers, default=0) + 1}"
    folder.mkdir()
    return folder
