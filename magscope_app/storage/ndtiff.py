"""Images on disk in the NDTiff format, readable by ndstorage, Micro-Manager and every TIFF reader."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.data.coordinates import as_frozen
from magscope_app.data.storage import Coordinates, DataStorage, Metadata, Pixels
from magscope_app.storage import metadata as metadata_json

#: Offsets in a TIFF are 32 bit.
LARGEST_FILE_BYTES = 2**32 - 2**20


class NDTiffStorage(DataStorage):
    """A folder of TIFF files with an index, written image by image by ndstorage.

    Every image and its entry in the index reach the operating system before `put` returns: they survive the
    death of this process. Nothing is held but two open files, so a storage that nobody finished keeps no
    process alive. The first one in a process imports ndstorage, which takes 0.6 s.

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
        from magscope_app.storage.ndtiff_dataset import RecordedDataset

        # Readers take the absence of a summary for damage.
        summary = json.loads(metadata_json.encode(summary_metadata or {}))
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        if name is None and (folder / "NDTiff.index").exists():
            raise FileExistsError(
                f"{folder} already holds an NDTiff dataset, which cannot grow; choose another folder"
            )
        self._largest_file_bytes = min(largest_file_bytes, LARGEST_FILE_BYTES)
        self._dataset = RecordedDataset(folder, name, summary, self._largest_file_bytes)
        self.path = Path(self._dataset.path)
        self._read_lock = threading.Lock()
        self._finished = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._dataset.index)

    def __contains__(self, coordinates: object) -> bool:
        return isinstance(coordinates, Mapping) and self._holds(as_frozen(coordinates).coordinate_dict)

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
                known = self._dataset.axes_types.get(axis, type(value))
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
        axes = as_frozen(coordinates).coordinate_dict
        if self._holds(axes):
            raise KeyError(f"data at {axes} are already stored in {self.path}")
        if (reason := self.why_not(data.shape, data.dtype, axes)) is not None:
            raise ValueError(reason)
        text = metadata_json.encode(metadata, axes)
        # Without a copy where it is in this form already.
        image = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("<"))
        self._dataset.put_image(axes, image, text)

    def get_data(self, coordinates: Coordinates) -> Pixels:
        """Read the pixels (height, width) at `coordinates` from disk; KeyError if there are none."""
        with self._read_lock:
            return self._dataset.stored_image(self._stored_axes(coordinates))

    def get_metadata(self, coordinates: Coordinates) -> Metadata:
        """Read the metadata at `coordinates` from disk, as they were put; KeyError if there are none."""
        with self._read_lock:
            return metadata_json.without_own(self._dataset.stored_metadata(self._stored_axes(coordinates)))

    def finish(self) -> None:
        """Complete the files; nothing more can be put, everything can still be read."""
        if not self._finished:
            self._finished = True
            self._dataset.finish()

    def close(self) -> None:
        """Finish and close every file."""
        try:
            self.finish()
        finally:
            with self._read_lock:
                self._closed = True
                self._dataset.close()

    def _holds(self, axes: dict[str, int | str]) -> bool:
        return frozenset(axes.items()) in self._dataset.index

    def _stored_axes(self, coordinates: Coordinates) -> dict[str, int | str]:
        axes = as_frozen(coordinates).coordinate_dict
        if not self._holds(axes):
            raise KeyError(f"no data at {axes} in {self.path}")
        if self._closed:
            raise RuntimeError(f"the storage {self.path} is closed: open it with a reader")
        return axes
