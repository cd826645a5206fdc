"""Rows of numbers in shared memory: positions, telemetry."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.checks import real_numbers, same_sizes, timeout_ns, whole_number, whole_sizes
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.errors import BufferOverflow
from magscope_app.datatypes.gaps import Gap
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.handle import Handle
from magscope_app.datatypes.locks import lock_of
from magscope_app.datatypes.matrix import KIND, Matrix
from magscope_app.datatypes.matrix_reader import MatrixReader
from magscope_app.datatypes.reader_entries import Start
from magscope_app.datatypes.reader_mode import ReaderCounters, ReaderMode, ReaderStatus, RowCounters
from magscope_app.datatypes.session import Session
from magscope_app.datatypes.wakes import Wakes, checked_wakes
from magscope_app.datatypes.writing import Pins, Waker

# Names of this module: one look-up less for each use on the hot path.
_EPOCH, _HEAD, _RESERVED = layout.EPOCH, layout.HEAD, layout.RESERVED
_FLOAT64 = np.dtype(np.float64)
_SIZES = ("rows", "columns")


class MatrixBuffer(Handle):
    """Shared-memory ring of rows of float64.

    The newest rows overwrite the oldest. Each named reader has its own cursor and counts its own losses; the
    documented `read` acts on one further cursor that all handles share; what it misses is counted, too.
    Several processes may write.

    Parameters
    ----------
    create : bool
        True to make the buffer, False to attach.
    locks : mapping
        Must have an entry `name`; it serialises writers and the shared cursor.
    name : str
        Which buffer of the session.
    shape : tuple of int, optional
        (rows, columns). Required when creating; when attaching, ValueError if it is another.
    wakes : mapping, optional
        ``"<name>.<reader>"`` to semaphore, the same in all processes.
    session : Session or str, optional
        Default: the session of this process.
    pin_timeout_s : float
        A lossless reader without a sign of life for so long no longer makes writes fail.

    Raises
    ------
    KeyError
        When `locks` lacks the entry.
    FileExistsError, FileNotFoundError, ValueError, SharedMemoryFullError
        As `VideoBuffer`.
    """

    def __init__(
        self,
        *,
        create: bool,
        locks: Mapping[str, LockLike],
        name: str,
        shape: tuple[int, int] | None = None,
        wakes: Wakes | None = None,
        session: Session | str | None = None,
        pin_timeout_s: float = 1.0,
    ) -> None:
        self.name = name
        self.lock = lock_of(locks, name)
        wakes = checked_wakes(wakes)
        if create:
            sizes = whole_sizes(f"the matrix buffer {name!r} of the shape {shape}", _sizes(name, shape))
            self.shape = (sizes["rows"], sizes["columns"])
            nbytes = layout.CHANNEL_BYTES + layout.pages(self.shape[0] * self.shape[1] * 8)
            semaphores = (self.lock, *wakes.values())
            self._block = Block.create(KIND, name, nbytes, session, semaphores)
            with self._block.building():
                self._matrix = Matrix(self._block, self.shape, self.lock, wakes)
                self._fill_header(pin_timeout_s)
        else:
            self._block = Block.attach(KIND, name, session)
            self.shape = cast("tuple[int, int]", self._block.sizes(2))
            if shape is not None:
                found = dict(zip(_SIZES, self.shape, strict=True))
                same_sizes(f"the matrix buffer {name!r}", _sizes(name, shape), found)
            self._matrix = Matrix(self._block, self.shape, self.lock, wakes)
        self.dtype = np.dtype(np.float64)
        self.itemsize = self.dtype.itemsize
        self.strides = (self.shape[1] * self.itemsize, self.itemsize)
        self.nbytes = self.shape[0] * self.strides[0]
        self._pins = Pins(self._matrix)
        self._waker = Waker(self._matrix)
        self._targets = self._waker.targets
        self._wake = self._waker.wake
        self._epoch = -1
        self._lossless = False
        self._readers: weakref.WeakSet[MatrixReader] = weakref.WeakSet()

    def _fill_header(self, pin_timeout_s: float) -> None:
        self._block.set_geometry(self.shape)
        self._block.words[layout.PIN_TIMEOUT_NS] = timeout_ns("pin_timeout_s", pin_timeout_s)
        self._matrix.rows.fill(np.nan)
        self._block.publish()

    # Writing --------------------------------------------------------------------------------------

    def write(self, np_array: ArrayLike) -> None:
        """Append rows; they become visible all at once.

        Parameters
        ----------
        np_array : array_like, shape (n, columns)
            At most as many rows as the buffer has.

        Raises
        ------
        ValueError
            For another shape, for what are no real numbers, and for numbers that float64 would change (whole
            ones beyond 2**53, some of a longer type, masked ones); nothing is written.
        BufferOverflow
            When a lossless reader still needs rows that would be overwritten; nothing is written, and the
            rows are counted as refused.
        """
        matrix, block = self._matrix, np_array
        if type(block) is not np.ndarray or block.dtype is not _FLOAT64:
            block = real_numbers(self.name, block)
        shape, (capacity, columns) = block.shape, self.shape
        if len(shape) != 2 or shape[1] != columns or shape[0] > capacity:
            raise ValueError(
                f"{self.name} takes up to {capacity} rows of {columns} columns, not an array of shape {shape}"
            )
        count, words, guard, fence = shape[0], matrix.words, matrix.guard, matrix.fence
        guard.take()
        try:
            if words[_EPOCH] != self._epoch:
                self._refresh()
            head = words[_HEAD]
            end = head + count
            if self._lossless:
                self._require_room(head, count)
            if end > words[_RESERVED]:
                words[_RESERVED] = end
            if fence is not None:
                fence()
            start = head % capacity
            if start + count <= capacity:
                matrix.rows[start : start + count] = block
            else:
                matrix.put_around(start, block)
            if fence is not None:
                fence()
            words[_HEAD] = end
        finally:
            guard.give_back()
        if self._targets:
            self._wake()

    def _refresh(self) -> None:
        self._epoch = self._matrix.words[layout.EPOCH]
        self._pins.refresh()
        self._lossless = bool(self._matrix.lossless_entries())
        self._waker.refresh()
        self._targets = self._waker.targets

    def _require_room(self, head: int, count: int) -> None:
        if head + count - self._pins.floor(head, count) > self.shape[0]:
            self._matrix.refuse(count)
            raise BufferOverflow(
                f"{self.name} has no room for {count} rows: a lossless reader still needs the oldest ones;"
                " they are refused and counted as lost"
            )

    # Named readers --------------------------------------------------------------------------------

    def reader(self, name: str, *, lossless: bool = False, start: Start = "resume") -> MatrixReader:
        """Register a reader under a name; see ``VideoBuffer.reader`` for `start`.

        Parameters
        ----------
        name : str
        lossless : bool
            True makes `write` raise BufferOverflow rather than overwrite what this reader has not read.

        Raises
        ------
        RuntimeError
            When a living process reads under that name, or all sixteen entries have readers that live or will
            come back (those named in `wakes`). Of others the one that has been silent for the
            longest time is forgotten, lossless ones last.
        """
        mode = ReaderMode.LOSSLESS if lossless else ReaderMode.OVERWRITE
        reader = MatrixReader(self._matrix, name, mode, start)
        reader.keep(self)
        self._readers.add(reader)
        return reader

    def reader_counters(self, name: str) -> ReaderCounters:
        """Return the counts (of rows) of one reader; KeyError when it never registered."""
        return self._matrix.counters_of(name)

    def statuses(self) -> tuple[ReaderStatus, ...]:
        """Return what can be said about every reader."""
        return self._matrix.statuses()

    def counters(self) -> RowCounters:
        """Return the counts of the buffer and of all its readers."""
        return self._matrix.row_counters()

    def ledger(self) -> tuple[Gap, ...]:
        """Return every loss so far: first row, count, where and why.

        `where` is ``"ring"`` for refused rows, which never got a number: `first_id` is that of the next row
        that was accepted; ``"read()"`` for the cursor that all handles share; else the reader's name.
        """
        return self._matrix.ledger()

    @property
    def rows_written(self) -> int:
        """Rows published since the buffer was made."""
        return self._matrix.words[layout.HEAD]

    def newest(self, n_rows: int) -> NDArray[np.float64]:
        """Return a validated copy of the newest rows in order, shape (at most n_rows, columns).

        ValueError for a number that is none, or below 0.
        """
        return self._matrix.newest(whole_number("n_rows", n_rows, 0, sys.maxsize))

    # Documented methods ---------------------------------------------------------------------------

    def _unread(self) -> tuple[int, int]:
        words = self._matrix.words
        head = words[layout.HEAD]
        oldest = min(head, max(self._matrix.shared_cursor(), self._matrix.oldest_whole()))
        return oldest, head

    def get_count_index(self) -> int:
        """Return the number of unread bytes."""
        first, end = self._unread()
        return (end - first) * self.strides[0]

    def get_read_index(self) -> int:
        """Return the byte at which the next row to be read begins."""
        return self._unread()[0] % self.shape[0] * self.strides[0]

    def get_write_index(self) -> int:
        """Return the byte at which the next row will be written."""
        return self._unread()[1] % self.shape[0] * self.strides[0]

    def read(self) -> NDArray[np.float64]:
        """Return a copy of the unread rows in order and mark them as read, shape (n, columns).

        What was overwritten unread is counted: see `counters` and `ledger`.
        """
        return self._matrix.read_shared()

    def peak_unsorted(self) -> NDArray[np.float64]:
        """Return a live read-only view of the memory, shape `shape`; rows change while you look."""
        return self._matrix.readonly

    def peak_sorted(self) -> NDArray[np.float64]:
        """Return a validated copy in order, shape `shape`; NaN for rows not written yet comes first."""
        whole = np.full(self.shape, np.nan)
        rows = self._matrix.newest(self.shape[0])
        if len(rows):
            whole[-len(rows) :] = rows
        return whole

    # End ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Detach, and remove the buffer if this handle created it; a second call does nothing."""
        if isinstance(self._matrix, Closed):
            return
        for reader in list(self._readers):
            reader.close()
        self._block.remove()
        self._block = cast("Block", Closed(self.name))
        self._matrix = cast("Matrix", self._block)

    def __del__(self) -> None:
        # A constructor that raised leaves nothing to close.
        if hasattr(self, "_readers"):
            self.close()


def _sizes(name: str, shape: object) -> dict[str, object]:
    """Return rows and columns of a shape, unchecked; ValueError for what is none."""
    given = tuple(shape) if isinstance(shape, Iterable) else ()
    if len(given) != len(_SIZES):
        raise ValueError(f"the matrix buffer {name!r} needs a shape (rows, columns), not {shape!r:.60}")
    return dict(zip(_SIZES, given, strict=True))
