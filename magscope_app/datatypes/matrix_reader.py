"""A named reader of a matrix buffer."""

from __future__ import annotations

import sys
from typing import cast

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.checks import whole_number
from magscope_app.datatypes.cursor_reader import CursorReader
from magscope_app.datatypes.gaps import Gap
from magscope_app.datatypes.matrix import Matrix
from magscope_app.datatypes.reader_entries import Start
from magscope_app.datatypes.reader_mode import ReaderMode


class MatrixReader(CursorReader):
    """Reads rows in order with a cursor of its own; make it with ``MatrixBuffer.reader``. For one thread."""

    def __init__(self, matrix: Matrix, name: str, mode: ReaderMode, start: Start) -> None:
        super().__init__(matrix, name, mode, start)
        self._matrix = matrix

    def read(self, max_rows: int | None = None) -> NDArray[np.float64]:
        """Return a copy of the rows that have come since the last call.

        Parameters
        ----------
        max_rows : int, optional
            At most so many; the rest stays for the next call.

        Returns
        -------
        ndarray of float64, shape (n, columns)
            Only whole rows. Those that were overwritten before or during the copy are booked as lost.

        Raises
        ------
        ValueError
            For what is no number of rows; nothing is read.
        """
        if max_rows is not None:
            max_rows = whole_number("max_rows", max_rows, 0, sys.maxsize)
        self.beat()
        matrix = self._matrix
        head, oldest = self._channel.words[layout.HEAD], matrix.oldest_whole()
        if oldest > self._cursor:
            self._lose(min(oldest, head), self._why_lapped())
        first = self._cursor
        end = head if max_rows is None else min(head, first + max_rows)
        rows = matrix.copy(first, end)
        torn = min(max(0, matrix.oldest_whole() - first), end - first)
        if torn:
            self._count_torn(torn)
            self._lose(first + torn, self._why_lapped())
        self._got += end - first - torn
        self._move(end)
        return rows[torn:]

    def close(self) -> None:
        """Stop reading; the counts stay, the next reader of this name goes on here."""
        super().close()
        self._matrix = cast("Matrix", self._channel)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Losses of this reader; `first_id` is the number of the first lost row."""
        return self._channel.gap_table(self._index).gaps(self.name)
