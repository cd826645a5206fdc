"""ndstorage's NDTiff dataset, made safe for recordings.

This module alone knows the inner parts of ndstorage (0.1.18), and imports it: 0.6 s, so import this module
where a storage is made. What it changes, and why, is in docs/decisions/0004-ndtiff-over-ndstorage.md;
tests/data/test_ndtiff_ndstorage.py tells when another version of ndstorage works differently.
"""

from __future__ import annotations

import functools
import struct
from collections import deque
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from ndstorage import NDTiffDataset
from ndstorage.file_io import NDTiffFileIO
from ndstorage.ndtiff_file import SingleNDTiffWriter

from magscope_app.data.storage import Pixels
from magscope_app.storage.appended_file import AppendedFile

#: A directory of 13 entries with its small values, and bytes that make an offset even.
_DIRECTORY_BYTES = 192
#: The bits per pixel, as the value of the third entry of 12 bytes in a directory.
_DEPTH_AT, _LONG = 2 + 2 * 12 + 8, struct.Struct("<I")
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
        size = _DIRECTORY_BYTES + pixels.nbytes + len(metadata)
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

    def _write_ifd(self, index_key: frozenset[Any], pixels: Pixels, *rest: Any) -> Any:
        entry = super()._write_ifd(index_key, pixels, *rest)
        if pixels.itemsize == 1:
            # ndstorage takes every array for 16 bit.
            _LONG.pack_into(self.buffers[0], _DEPTH_AT, 8)
        return entry


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
