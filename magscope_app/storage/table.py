"""A growing dataset in an HDF5 file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Rows per chunk. Every flush rewrites the last chunk, so it is small.
CHUNK_ROWS = 4096


class Table:
    """Rows of one fixed type; they are collected with `add` and written with `write`.

    Parameters
    ----------
    group : h5py.Group
        Where the dataset is created.
    name : str
        Its name.
    dtype : numpy type
        Of every number in it.
    columns : int
        Numbers per row; 0 makes the dataset one-dimensional.
    names : sequence of str, optional
        Written as the attribute ``columns``.
    """

    def __init__(
        self, group: h5py.Group, name: str, dtype: Any, columns: int = 0, names: Sequence[str] = ()
    ) -> None:
        width = (columns,) if columns else ()
        self._width = width
        self._dtype = np.dtype(dtype)
        self._waiting: list[NDArray[Any]] = []
        self.dataset = group.create_dataset(
            name, shape=(0, *width), maxshape=(None, *width), chunks=(CHUNK_ROWS, *width), dtype=self._dtype
        )
        if names:
            self.dataset.attrs["columns"] = list(names)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, rows: ArrayLike) -> None:
        """Take a copy of `rows`; ValueError if their shape is wrong."""
        block = np.array(rows, dtype=self._dtype, order="C")
        if block.ndim != 1 + len(self._width) or block.shape[1:] != self._width:
            expected = ", ".join(map(str, ("n", *self._width)))
            raise ValueError(f"rows of {self.dataset.name} have the shape ({expected}), not {block.shape}")
        if len(block):
            self._waiting.append(block)

    def write(self) -> None:
        """Append everything that was added to the dataset."""
        if self._waiting:
            block = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
            end = self._length + len(block)
            # The low-level calls: for many small blocks, item assignment takes several times as long.
            low = self.dataset.id
            low.set_extent((end, *self._width))
            target = low.get_space()
            target.select_hyperslab((self._length, *(0 for _ in self._width)), block.shape)
            low.write(h5py.h5s.create_simple(block.shape), target, block)
            self._length = end
            self._waiting.clear()

    def append(self, rows: ArrayLike) -> None:
        """Add and write at once."""
        self.add(rows)
        self.write()
