"""A small record of which every change is seen whole."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.guard import Guard, LockLike
from magscope_app.datatypes.session import Session

_TRIES = 1000


class WholeRecord:
    """Two copies and a version: the writer fills the copy that nobody reads, then counts the version up.

    A writer killed in the middle leaves the last whole version standing; a reader takes no lock.
    """

    def __init__(self, block: Block, nbytes: int, lock: LockLike) -> None:
        self.block = block
        self._words = block.words
        self._fence = system.memory_fence()
        self._guard = Guard(lock, block.words, block.name, block.session)
        size = layout.pages(nbytes)
        first = layout.PAGE
        block.require(first + 2 * size)
        self._copies = tuple(block.data[first + i * size : first + i * size + nbytes] for i in range(2))

    @classmethod
    def create(
        cls,
        kind: int,
        name: str,
        nbytes: int,
        geometry: Sequence[int],
        lock: LockLike,
        session: Session | str | None,
    ) -> WholeRecord:
        """Make a record of zeros; publish it with ``record.block.publish()``."""
        block = Block.create(kind, name, layout.PAGE + 2 * layout.pages(nbytes), session, (lock,))
        with block.building():
            block.set_geometry(geometry)
            return cls(block, nbytes, lock)

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return self._words[layout.HEAD]

    @property
    def guard(self) -> Guard:
        """To be held around `current`, a change and `store`."""
        return self._guard

    def current(self) -> NDArray[np.uint8]:
        """Return a whole private copy of the record.

        Raises
        ------
        TimeoutError
            When it was changed during every one of a thousand tries.
        """
        for _ in range(_TRIES):
            version = self.version
            if self._fence is not None:
                self._fence()
            copy = self._copies[version & 1].copy()
            if self._fence is not None:
                self._fence()
            if self.version == version:
                return copy
            time.sleep(0.0001)
        raise TimeoutError(f"{self.block.name} is being changed without a pause: it could not be read")

    def store(self, record: NDArray[np.uint8]) -> None:
        """Make `record` the new version; call it with the guard held."""
        version = self.version
        self._copies[(version + 1) & 1][:] = record
        if self._fence is not None:
            self._fence()
        self._words[layout.HEAD] = version + 1
