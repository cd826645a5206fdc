"""ndstorage's NDTiff dataset, made safe for recordings.

This module alone knows the inner parts of ndstorage (0.1.18), and imports it: 0.6 s, so import this module
where a storage is made. What it changes, and why, is in docs/decisions/0004-ndtiff-over-ndstorage.md;
tests/data/test_ndtiff_ndstorage.py tells when another version of ndstorage works differently.
"""

from __future__ import annotations

import functools
import json
import os
import struct
from collections import deque
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from ndstorage import NDTiffDataset
from ndstorage.file_io import NDTiffFileIO
from ndstorage.ndtiff_file import SingleNDTiffWriter
from ndstorage.ndtiff_index import NDTiffIndexEntry

from magscope_app.data.storage import Pixels
from magscope_app.storage.appended_file import AppendedFile
from magscope_app.storage.image_places import ImagePlaces

#: The directory of an image: number of entries; tag, type, count and value of each; offset of the next
#: directory; two resolutions as ratios.
_N_ENTRIES = 13
_DIRECTORY = struct.Struct("<H" + "HHII" * _N_ENTRIES + "I" + "IIII")
_NEXT_POINTER_IN_DIRECTORY = 2 + 12 * _N_ENTRIES
_SHORT, _LONG, _RATIO, _ASCII = 3, 4, 5, 2
_MM_METADATA = 51123
_LENGTH, _NUMBERS = struct.Struct("<I"), struct.Struct("<8I")
_AXES = json.JSONEncoder(check_circular=False)
#: Where a TIFF file says where its first directory is.
_FIRST_POINTER_AT = 4


class _FileWriter(SingleNDTiffWriter):  # type: ignore[misc]  # ndstorage has no types
    """One TIFF file: not allocated ahead, complete from the moment it has its name, tagged with its depth."""

    def __init__(self, path: Path, summary: Mapping[str, Any], largest_bytes: int) -> None:
        # Not the constructor of ndstorage, which allocates 4 GiB: a file system that cannot leave holes
        # (NTFS as Python uses it, exFAT, shares) fills them with zeros first.
        if path.exists():
            raise FileExistsError(f"{path} exists already; choose another folder")
        self.filename = str(path)
        self.index_map: dict[object, object] = {}
        self.next_ifd_offset_location = _FIRST_POINTER_AT
        self.res_numerator = self.res_denominator = 1
        self.buffers: deque[Any] = deque()
        self.first_ifd = True
        self._largest_bytes = largest_bytes
        header = BytesIO()
        self.file: Any = header
        self._write_mm_header_and_summary_md(summary)
        _create_whole(path, header.getvalue())
        self.file = AppendedFile(path)
        self._header_bytes = self.file.tell()

    def has_space_to_write(self, pixels: Pixels, metadata: bytes) -> bool:
        """Return whether an image still fits; one always fits into a new file."""
        end: int = self.file.tell()
        size = _DIRECTORY.size + pixels.nbytes + len(metadata)
        return end == self._header_bytes or end + size <= self._largest_bytes

    def write_image(self, index_key: frozenset[Any], pixels: Pixels, metadata: bytes) -> Any:
        """Write an image and return its entry for the index."""
        entry = super().write_image(index_key, pixels, metadata)
        # The dataset keeps the same; nobody reads this one.
        self.index_map.clear()
        return entry

    def finished_writing(self) -> None:
        """Mark the last image as the last one and close the file, also where the disk refuses the mark."""
        try:
            super().finished_writing()
        finally:
            self.file.close()

    def mark(self) -> tuple[int, int]:
        """Return where the file ends, and where its last directory points to the next one."""
        return self.file.tell(), self.next_ifd_offset_location

    def take_back(self, mark: tuple[int, int]) -> None:
        """Forget all that was written after `mark`."""
        self.buffers.clear()
        end, self.next_ifd_offset_location = mark
        self.file.truncate(end)

    def _write_ifd(self, index_key: frozenset[Any], pixels: Pixels, metadata: bytes, *_: Any) -> Any:
        # ndstorage packs each entry by itself, which takes a third of its time for a small image, and tags
        # every array with 16 bit.
        if self.file.tell() % 2:
            # Behind the header; images end at even offsets.
            self.file.seek(self.file.tell() + 1)
        begin: int = self.file.tell()
        height_px, width_px = pixels.shape
        small_at = begin + _NEXT_POINTER_IN_DIRECTORY + 4
        pixels_at = begin + _DIRECTORY.size
        metadata_at = pixels_at + pixels.nbytes
        directory = _DIRECTORY.pack(
            _N_ENTRIES,
            *(256, _LONG, 1, width_px),
            *(257, _LONG, 1, height_px),
            *(258, _SHORT, 1, 8 * pixels.itemsize),
            *(259, _SHORT, 1, 1),  # not compressed
            *(262, _SHORT, 1, 1),  # black is zero
            *(273, _LONG, 1, pixels_at),
            *(277, _SHORT, 1, 1),  # one sample per pixel
            *(278, _SHORT, 1, height_px),
            *(279, _LONG, 1, pixels.nbytes),
            *(282, _RATIO, 1, small_at),
            *(283, _RATIO, 1, small_at + 8),
            *(296, _SHORT, 1, 3),  # per cm
            *(_MM_METADATA, _ASCII, len(metadata), metadata_at),
            metadata_at + len(metadata),
            *(1, 1, 1, 1),
        )
        self.next_ifd_offset_location = begin + _NEXT_POINTER_IN_DIRECTORY
        self.buffers.extend((directory, pixels, metadata))
        depth = _Entry.EIGHT_BIT if pixels.itemsize == 1 else _Entry.SIXTEEN_BIT
        place = (pixels_at, width_px, height_px, metadata_at, len(metadata))
        return _Entry(index_key, depth, *place, os.path.basename(self.filename))


class _Entry(NDTiffIndexEntry):  # type: ignore[misc]  # ndstorage has no types
    """Where an image stands; packed at once for the index."""

    def as_byte_buffer(self) -> BytesIO:
        """Return the entry as it stands in the index."""
        axes, name = _AXES.encode(dict(self.axes_key)).encode(), self.filename.encode()
        numbers = _NUMBERS.pack(
            *(self.pix_offset, self.image_width, self.image_height, self.pixel_type, 0),
            *(self.metadata_offset, self.metadata_length, 0),
        )
        return BytesIO(_LENGTH.pack(len(axes)) + axes + _LENGTH.pack(len(name)) + name + numbers)


def _create_whole(path: Path, content: bytes) -> None:
    # Readers cannot open a folder that holds a TIFF file without a header. No fsync: with gigabytes of images
    # on their way to the disk it would take seconds.
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


class RecordedDataset(NDTiffDataset):  # type: ignore[misc]  # ndstorage has no types
    """A dataset that is written: `put_image` returns when the operating system has image and index entry.

    Parameters
    ----------
    directory : Path
        The folder.
    name : str or None
        As `NDTiffStorage` says.
    summary : mapping
        What applies to all images, as JSON holds it.
    largest_file_bytes : int
        A new file is begun before one grows beyond this.
    """

    current_writer: _FileWriter | None
    _index_file: AppendedFile | None

    def __init__(
        self, directory: Path, name: str | None, summary: Mapping[str, Any], largest_file_bytes: int
    ) -> None:
        # A buffered reader would keep what it read ahead of an image that was then taken back.
        unbuffered = NDTiffFileIO(open_function=functools.partial(open, buffering=0))
        super().__init__(str(directory), file_io=unbuffered, name=name, writable=True)
        self.initialize(summary)
        # ndstorage keeps an object of 0.6 kB per image.
        self.index = ImagePlaces(_Entry)
        self._largest_file_bytes = largest_file_bytes

    def put_image(self, coordinates: Mapping[str, int | str], image: Pixels, metadata: bytes) -> None:
        """Write an image.

        Parameters
        ----------
        coordinates : mapping
            Its axes.
        image : ndarray (height, width)
            uint8 or uint16, little-endian, C-contiguous.
        metadata : bytes
            JSON.

        Raises
        ------
        OSError
            If the disk does not take it; the files end where they ended before.
        """
        if (image.nbytes + len(metadata)) % 2:
            # Images begin at even offsets. Padded here, the next one always begins where the file ends.
            metadata += b" "
        writer, index = self._files_for(image, metadata)
        before, index_end = writer.mark(), index.tell()
        try:
            super().put_image(coordinates, image, metadata)
            index.flush()
        except BaseException:
            key = frozenset(coordinates.items())
            self._write_pending_images.pop(key, None)
            self.index.pop(key, None)
            index.truncate(index_end)
            writer.take_back(before)
            raise

    def stored_image(self, coordinates: Mapping[str, int | str]) -> Pixels:
        """Read the pixels (height, width) from the file, into an array of the caller's own."""
        # `read_image` may give the very array that is being put, which its owner will use again; it takes
        # numbers on text axes for something else; and it refuses axes that have names of its arguments.
        with self._lock:
            image: Pixels = self._do_read_image(coordinates)
        return image.copy()

    def stored_metadata(self, coordinates: Mapping[str, int | str]) -> dict[str, Any]:
        """Read the metadata from the file."""
        with self._lock:
            metadata: dict[str, Any] = self._do_read_metadata(coordinates)
        return metadata

    def finish(self) -> None:
        """Complete and close the files that are written, also where the disk refuses."""
        try:
            super().finish()
        finally:
            if self._index_file is not None:
                self._index_file.close()

    def close(self) -> None:
        """Close the files that are read, while nobody reads."""
        with self._lock:
            super().close()

    def _update_axes(self, image_coordinates: Mapping[str, int | str]) -> None:
        # ndstorage also collects all values in order, for arrays that only its readers make, and goes
        # through all values of a text axis for every image.
        for axis, value in image_coordinates.items():
            self.axes_types.setdefault(axis, type(value))

    def _files_for(self, image: Pixels, metadata: bytes) -> tuple[_FileWriter, AppendedFile]:
        # ndstorage makes files of its own only where there are none, or none with room.
        writer = self.current_writer
        if writer is not None and not writer.has_space_to_write(image, metadata):
            self.current_writer = None
            writer.finished_writing()
            writer = None
        if writer is None:
            stem = "NDTiffStack" if self.name is None else f"{self.name}_NDTiffStack"
            filename = f"{stem}_{self.file_index}.tif" if self.file_index else f"{stem}.tif"
            writer = _FileWriter(Path(self.path) / filename, self._summary_metadata, self._largest_file_bytes)
            self.current_writer = writer
            self.file_index += 1
        if self._index_file is None:
            self._index_file = AppendedFile(Path(self.path) / "NDTiff.index")
        return writer, self._index_file
