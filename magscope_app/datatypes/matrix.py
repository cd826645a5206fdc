"""The memory of a matrix buffer, and its validated copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.channel import Channel
from magscope_app.datatypes.gaps import Gap, GapTable, Why
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.reader_mode import RowCounters
from magscope_app.datatypes.wakes import Wakes

KIND = 2
#: What `Gap.where` says of the cursor that all handles share.
SHARED = "read()"


class Matrix(Channel):
    """Rows of float64 in a ring.

    A block of rows is announced before it is written (reserved word) and published after (head word). So a
    row is whole when it lies below the head and not more than one ring below what is reserved: no row needs a
    header of its own.

    Attributes
    ----------
    rows : ndarray of float64, shape (length, columns)
    """

    def __init__(self, block: Block, shape: tuple[int, int], lock: LockLike, wakes: Wakes | None) -> None:
        nbytes = shape[0] * shape[1] * 8
        block.require(layout.CHANNEL_BYTES + nbytes)
        super().__init__(block, shape[0], lock, wakes)
        data = block.data[layout.CHANNEL_BYTES : layout.CHANNEL_BYTES + nbytes]
        self.rows: NDArray[np.float64] = data.view(np.float64).reshape(shape)
        self.readonly = self.rows.view()
        self.readonly.flags.writeable = False
        #: What the shared cursor missed; written under the lock.
        self.default_gaps = GapTable(self.words, layout.DEFAULT_GAPS, layout.READER_GAP_ENTRIES, self.fence)

    def refuse(self, count: int) -> None:
        """Count rows that found no place; call it with the lock held. They get no number."""
        refused = self.ring_gaps.total()
        self.ring_gaps.append(refused, refused + count, Why.FULL, at=self.words[layout.HEAD])

    def put_around(self, start: int, block: NDArray[np.float64]) -> None:
        """Store rows that run over the end of the memory, of which they may be a view."""
        if np.may_share_memory(block, self.rows):
            block = block.copy()
        before_end = self.length - start
        self.rows[start:] = block[:before_end]
        self.rows[: len(block) - before_end] = block[before_end:]

    def shared_cursor(self) -> int:
        """Return where the shared cursor stands; its last mover may have been killed after booking a loss."""
        return max(self.words[layout.DEFAULT_CURSOR], self.default_gaps.last_end())

    def read_shared(self) -> NDArray[np.float64]:
        """Move the shared cursor to the head and return what it passed; book what was overwritten."""
        with self.guard:
            head, cursor = self.words[layout.HEAD], self.shared_cursor()
            first = min(head, max(cursor, self.oldest_whole()))
            if first > cursor:
                self.default_gaps.append(cursor, first, Why.LAPPED)
            rows = self.copy(first, head)
            self.words[layout.DEFAULT_CURSOR] = head
        return rows

    def row_counters(self) -> RowCounters:
        """Return the counts of the buffer and its readers."""
        return RowCounters(
            written=self.words[layout.HEAD],
            refused=self.ring_gaps.total(),
            lost_shared=self.default_gaps.total(),
            readers=self.statuses(),
        )

    def ledger(self) -> tuple[Gap, ...]:
        """Return every loss: rows that were refused, then reader by reader."""
        refused = self.ring_gaps.gaps("ring", by_place=True)
        return (*refused, *self.default_gaps.gaps(SHARED), *self.reader_gaps())

    def oldest_whole(self) -> int:
        """Return the number of the oldest row that nobody is overwriting."""
        if self.fence is not None:
            self.fence()
        return max(0, self.words[layout.RESERVED] - self.length)

    def copy(self, first: int, end: int) -> NDArray[np.float64]:
        """Return a copy of rows [first, end), unchecked."""
        start, count = first % self.length, end - first
        before_end = min(count, self.length - start)
        if before_end == count:
            return self.rows[start : start + count].copy()
        return np.concatenate((self.rows[start:], self.rows[: count - before_end]))

    def newest(self, count: int) -> NDArray[np.float64]:
        """Return a copy of the newest `count` rows in order; fewer when there are fewer whole ones."""
        end = self.words[layout.HEAD]
        first = min(end, max(self.oldest_whole(), end - count))
        rows = self.copy(first, end)
        torn = max(0, self.oldest_whole() - first)
        return rows[torn:]
