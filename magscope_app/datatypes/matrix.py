"""The memory of a matrix buffer, and its validated copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.channel import Channel
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.wakes import Wakes

KIND = 2


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
        super().__init__(block, shape[0], lock, wakes)
        nbytes = shape[0] * shape[1] * 8
        data = block.data[layout.CHANNEL_BYTES : layout.CHANNEL_BYTES + nbytes]
        self.rows: NDArray[np.float64] = data.view(np.float64).reshape(shape)
        self.readonly = self.rows.view()
        self.readonly.flags.writeable = False

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
