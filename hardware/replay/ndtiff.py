"""NDTiff folders, read through their index.

The index (NDTiff.index, format 3.x) has one entry per image: length and text of the axes (JSON), length and
text of the file name, then eight uint32: offset of the pixels, width, height, pixel type, compression, and
where the metadata are. All numbers are little-endian. https://github.com/micro-manager/NDTiffStorage
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardware.replay.source import FrameSource, RecordedFrame, grey
from magscope_app.devices import DeviceError, FrameFormat

INDEX_NAME = "NDTiff.index"
#: Pixel type of the index to (bits, channels).
_PIXEL_TYPES = {0: (8, 1), 1: (16, 1), 2: (8, 3), 3: (10, 1), 4: (12, 1), 5: (14, 1), 6: (11, 1)}
_LENGTH = struct.Struct("<I")
_IMAGE = struct.Struct("<8I")


@dataclass(frozen=True, slots=True)
class _Entry:
    axes: str
    file: str
    offset: int
    width_px: int
    height_px: int
    pixel_type: int
    metadata_offset: int
    metadata_bytes: int


class NDTiffFrames(FrameSource):
    """The frames of NDTiff folders, one folder after the other, each in the order it was written.

    A folder that was being written when its program died is played as far as its index goes.

    Parameters
    ----------
    folders : sequence of Path
        Folders with an NDTiff.index.
    bits : int, optional
        Significant bits of a pixel, where they are known better than from the index.

    Raises
    ------
    DeviceError
        An index is damaged or empty.
    """

    def __init__(self, folders: Sequence[Path], bits: int | None = None) -> None:
        self._folders = tuple(folders)
        self._maps: dict[Path, npt.NDArray[np.uint8]] = {}
        first = next((entry for folder in self._folders for entry in _entries(folder)), None)
        if first is None:
            raise DeviceError(
                f"{self._folders[0]} holds no frames (its {INDEX_NAME} is empty); give another recording"
            )
        if first.pixel_type not in _PIXEL_TYPES:
            raise DeviceError(
                f"{self._folders[0]} has pixels of type {first.pixel_type}; give 8 to 16 bit images"
            )
        self._first = first
        self._bits = bits or _PIXEL_TYPES[first.pixel_type][0]
        self.has_times = self._time(self._folders[0], first) is not None

    @property
    def format(self) -> FrameFormat:
        """Size and depth, from the first entry of the index."""
        return FrameFormat(self._first.width_px, self._first.height_px, self._bits)

    def frames(self) -> Iterator[RecordedFrame]:
        """Yield the frames as views of the mapped files."""
        for folder in self._folders:
            for entry in _entries(folder):
                yield self._read(folder, entry)

    def close(self) -> None:
        """Unmap the files."""
        self._maps.clear()

    def _read(self, folder: Path, entry: _Entry) -> RecordedFrame:
        kind = (entry.width_px, entry.height_px, entry.pixel_type)
        if kind != (self._first.width_px, self._first.height_px, self._first.pixel_type):
            raise DeviceError(
                f"{folder} holds frames of different size or depth ({entry.axes}); give frames of one kind"
            )
        bits, channels = _PIXEL_TYPES[entry.pixel_type]
        dtype = np.dtype("u1" if bits == 8 else "<u2")
        shape = (entry.height_px, entry.width_px, channels)[: 2 if channels == 1 else 3]
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        raw = self._map(folder / entry.file)[entry.offset : entry.offset + n_bytes]
        if raw.size < n_bytes:
            raise DeviceError(
                f"{folder / entry.file} is cut off at frame {entry.axes}; copy it again, or repair it"
            )
        pixels = grey(raw.view(dtype).reshape(shape), str(folder))
        about = {"axes": entry.axes, "part": folder.name}
        return RecordedFrame(pixels, about, self._time(folder, entry))

    def _time(self, folder: Path, entry: _Entry) -> int | None:
        """Return when an image was taken, from its metadata; None where they do not say."""
        start, end = entry.metadata_offset, entry.metadata_offset + entry.metadata_bytes
        try:
            metadata = json.loads(self._map(folder / entry.file)[start:end].tobytes())
            if "t_ns" in metadata:
                return int(metadata["t_ns"])
            return round(float(metadata["ElapsedTime-ms"]) * 1e6)
        except (ValueError, TypeError, KeyError):
            return None

    def _map(self, file: Path) -> npt.NDArray[np.uint8]:
        found = self._maps.get(file)
        if found is None:
            try:
                found = np.memmap(file, np.uint8, mode="r")
            except (OSError, ValueError) as error:
                raise DeviceError(
                    f"{file} cannot be read ({error}); the index of the dataset names it"
                ) from error
            # Frames come in the order of the files, so that one map is enough.
            self._maps = {file: found}
        return found


def _entries(folder: Path) -> Iterator[_Entry]:
    """Yield the entries of an index; an entry written twice is given twice, a cut-off last one not at all."""
    try:
        index = np.memmap(folder / INDEX_NAME, np.uint8, mode="r")
    except ValueError:
        return
    except OSError as error:
        raise DeviceError(f"{folder / INDEX_NAME} cannot be read ({error})") from error
    at = 0
    while (read := _entry(index, at, folder)) is not None:
        entry, at = read
        yield entry


def _entry(index: npt.NDArray[np.uint8], at: int, folder: Path) -> tuple[_Entry, int] | None:
    texts: list[str] = []
    for _ in range(2):
        if at + _LENGTH.size > index.size:
            return None
        (length,) = _LENGTH.unpack_from(index.data, at)
        at += _LENGTH.size
        if length == 0 or at + length > index.size:
            return None
        try:
            texts.append(index[at : at + length].tobytes().decode())
        except UnicodeDecodeError as error:
            raise DeviceError(f"{folder / INDEX_NAME} is damaged at byte {at}; repair the dataset") from error
        at += length
    if at + _IMAGE.size > index.size:
        return None
    offset, width, height, kind, _, about, about_bytes, _ = _IMAGE.unpack_from(index.data, at)
    return _Entry(texts[0], texts[1], offset, width, height, kind, about, about_bytes), at + _IMAGE.size
