"""One TIFF file of an NDTiff dataset, and the dataset's index.

The layout is that of NDTiff 3.3 (https://github.com/micro-manager/NDStorage), which ndstorage and
Micro-Manager read. ndstorage's own writer is not used: it tags 8-bit images as 16-bit, keeps the index in a
buffer that a killed process loses, and preallocates 4 GiB, which Windows fills with zeros.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from magscope_app.data.storage import Pixels

#: Offsets in a TIFF are 32 bit.
LARGEST_FILE_BYTES = 2**32 - 2**20

_HEADER = struct.Struct("<2sHIIIIII")
_NDTIFF_MAGIC, _MAJOR_VERSION, _MINOR_VERSION, _SUMMARY_MAGIC = 483729, 3, 3, 2355492
#: One directory of 13 entries (tag, type, count, value or offset), the offset of the next directory, two
#: resolutions.
_DIRECTORY = struct.Struct("<H" + "HHII" * 13 + "I" + "II" * 2)
_NEXT_AT = 2 + 12 * 13
_SHORT, _LONG, _RATIONAL, _ASCII = 3, 4, 5, 2
_INDEX_ENTRY = struct.Struct("<8I")
_PIXEL_TYPES = {1: 0, 2: 1}
#: Below this many bytes one write of a joined copy is faster than three writes.
_JOIN_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Where an image lies: all that is needed to read it.

    Attributes
    ----------
    file_index : int
        Which file of the dataset.
    pixel_offset, metadata_offset, metadata_bytes : int
        Bytes from the start of the file, and length.
    height, width : int
        Size in pixels.
    pixel_bytes : int
        1 or 2 bytes per pixel.
    """

    file_index: int
    pixel_offset: int
    height: int
    width: int
    pixel_bytes: int
    metadata_offset: int
    metadata_bytes: int

    def index_entry(self, axes_json: bytes, filename: str) -> bytes:
        """Return the entry of the index file for this image."""
        name = filename.encode()
        # uncompressed pixels (0) of type `_PIXEL_TYPES`, uncompressed metadata (0)
        numbers = _INDEX_ENTRY.pack(
            self.pixel_offset,
            self.width,
            self.height,
            _PIXEL_TYPES[self.pixel_bytes],
            0,
            self.metadata_offset,
            self.metadata_bytes,
            0,
        )
        return b"".join(
            (struct.pack("<I", len(axes_json)), axes_json, struct.pack("<I", len(name)), name, numbers)
        )


def _directory(
    width: int, height: int, pixel_bytes: int, start: int, metadata_bytes: int
) -> tuple[bytes, int, int, int]:
    """Return the directory of an image at `start`; and where pixels, metadata and the next directory lie."""
    resolution = start + _NEXT_AT + 4
    pixels = start + _DIRECTORY.size
    size = width * height * pixel_bytes
    metadata = pixels + size
    following = metadata + metadata_bytes
    following += following % 2
    packed = _DIRECTORY.pack(
        13,
        *(256, _LONG, 1, width),
        *(257, _LONG, 1, height),
        *(258, _SHORT, 1, 8 * pixel_bytes),
        *(259, _SHORT, 1, 1),  # not compressed
        *(262, _SHORT, 1, 1),  # black is zero
        *(273, _LONG, 1, pixels),
        *(277, _SHORT, 1, 1),  # one sample per pixel
        *(278, _SHORT, 1, height),  # one strip
        *(279, _LONG, 1, size),
        *(282, _RATIONAL, 1, resolution),
        *(283, _RATIONAL, 1, resolution + 8),
        *(296, _SHORT, 1, 3),  # per centimetre
        *(51123, _ASCII, metadata_bytes, metadata),
        following,
        *(1, 1, 1, 1),
    )
    return packed, pixels, metadata, following


class NDTiffFile:
    """A TIFF file to which images are appended, each handed to the operating system before `append` returns.

    Parameters
    ----------
    path : Path
        Must not exist yet.
    file_index : int
        Its number in the dataset.
    summary : bytes
        The dataset's metadata as JSON.
    largest_bytes : int
        The file does not grow beyond this.
    """

    def __init__(self, path: Path, file_index: int, summary: bytes, largest_bytes: int) -> None:
        self.path = path
        self._file_index = file_index
        self._largest_bytes = min(largest_bytes, LARGEST_FILE_BYTES)
        self._next_pointer_at = 4
        self._end = _HEADER.size + len(summary)
        self._end += self._end % 2
        self._file: FileIO = path.open("xb", buffering=0)
        header = _HEADER.pack(
            b"II", 42, self._end, _NDTIFF_MAGIC, _MAJOR_VERSION, _MINOR_VERSION, _SUMMARY_MAGIC, len(summary)
        )
        try:
            self._write_at(0, (header + summary).ljust(self._end, b"\0"))
        except OSError:
            # Readers cannot open a folder that holds a TIFF without a header.
            self._file.close()
            path.unlink()
            raise

    def has_room(self, image_bytes: int, metadata_bytes: int) -> bool:
        """Return whether an image of this size still fits."""
        return self._end + _DIRECTORY.size + image_bytes + metadata_bytes + 1 <= self._largest_bytes

    def append(self, image: Pixels, metadata: bytes) -> ImagePlace:
        """Write an image.

        Parameters
        ----------
        image : ndarray (height, width)
            uint8 or uint16, little-endian, C-contiguous.
        metadata : bytes
            JSON.

        Returns
        -------
        ImagePlace
            Where it was written.

        Raises
        ------
        OSError
            If the disk does not take it; the file ends where it ended before.
        """
        height, width = image.shape
        directory, pixels, text, following = _directory(
            width, height, image.itemsize, self._end, len(metadata)
        )
        padding = b"\0" * (following - text - len(metadata))
        flat = image.data.cast("B")
        try:
            if flat.nbytes < _JOIN_BYTES:
                self._write_at(self._end, b"".join((directory, flat, metadata, padding)))
            else:
                self._write_at(self._end, directory)
                self._write_at(pixels, flat)
                self._write_at(text, metadata + padding)
        except OSError:
            self._file.truncate(self._end)
            raise
        self._next_pointer_at = self._end + _NEXT_AT
        self._end = following
        return ImagePlace(self._file_index, pixels, height, width, image.itemsize, text, len(metadata))

    def close(self) -> None:
        """Mark the last image as the last one and close the file."""
        if not self._file.closed:
            try:
                self._write_at(self._next_pointer_at, struct.pack("<I", 0))
            finally:
                self._file.close()

    def _write_at(self, offset: int, content: bytes | memoryview) -> None:
        self._file.seek(offset)
        view = memoryview(content)
        # A raw file may take less than it is given: on a disk that fills up, for one.
        while view:
            view = view[self._file.write(view) :]


class NDTiffIndex:
    """The file ``NDTiff.index``: every entry reaches the operating system before `append` returns."""

    def __init__(self, path: Path) -> None:
        self._file: FileIO = path.open("xb", buffering=0)
        self._end = 0

    def append(self, entry: bytes) -> None:
        """Write an entry; on OSError the index ends where it ended before, so that it stays readable."""
        try:
            written = self._file.write(entry)
            while written < len(entry):
                written += self._file.write(entry[written:])
        except OSError:
            self._file.truncate(self._end)
            self._file.seek(self._end)
            raise
        self._end += len(entry)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def as_writable_image(data: Pixels) -> Pixels:
    """Return `data` as the file needs them: C-contiguous and little-endian, without a copy where they are."""
    little = data.dtype.newbyteorder("<")
    return np.ascontiguousarray(data, dtype=little)
