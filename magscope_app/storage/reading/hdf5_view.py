"""HDF5 files as they are: closed, being written, or left behind by a process that was killed."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.guard import readable
from magscope_app.storage.reading.superblock import read_superblock

_Result = TypeVar("_Result")
#: A file that is being written may change while it is read; then it is read again.
_TRIALS, _PAUSE_S = 6, 0.05


class _View(io.RawIOBase):
    """The bytes of an HDF5 file, its beginning saying that it is closed and just as long as it is.

    So HDF5 opens it without locks and flags, checks every checksum once, and refuses what lies behind the
    end.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        block = read_superblock(path)
        self._file = path.open("rb", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
        self._head = replace(block, flags=0, end=self._size).encoded()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = begin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._position)
        view = memoryview(buffer)
        n_bytes = self._file.readinto(view) or 0
        own = self._head[self._position : self._position + n_bytes]
        view[: len(own)] = own
        self._position += n_bytes
        return n_bytes

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file that `TracksFile` has written, also while it is written and after a kill; never changes it.

    Raises
    ------
    MagscopeError
        If the file, or what the caller reads of it, is damaged.
    """
    view = _View(path)
    try:
        # Damaged numbers may fit into no whole number: what makes no sense is found by their order.
        with readable(path), np.errstate(invalid="ignore", over="ignore"), h5py.File(view, "r") as file:
            yield file
    finally:
        view.close()


def read_hdf5(path: Path, read: Callable[[h5py.File], _Result]) -> _Result:
    """Return what `read` finds in a file; tries again where a file that is being written changed meanwhile.

    Raises
    ------
    MagscopeError
        If it cannot be read.
    """
    for trial in range(_TRIALS):
        before = _stamp(path)
        try:
            with open_hdf5(path) as file:
                return read(file)
        except MagscopeError:
            # A file may have been closed, or completed, just while it was read.
            settled = _stamp(path) == before and read_superblock(path).is_closed
            if settled or trial == _TRIALS - 1:
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError("unreachable: the last trial returns or raises")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file is written; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns
