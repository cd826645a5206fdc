"""The one lossless cursor without a name, on which the documented reading methods act."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.errors import BufferUnderflow
from magscope_app.datatypes.frames import NO_SECONDS_WORD
from magscope_app.datatypes.ring import Ring


class DefaultCursor:
    """Reads through the cursor that all handles share; the buffer's lock is taken only to move it."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def _require(self) -> memoryview[int]:
        words = self._ring.words
        if not words[layout.HAS_DEFAULT]:
            raise RuntimeError(
                f"{self._ring.name} was created with default_reader=False: read it through reader(name, mode)"
            )
        return words

    def unread(self) -> int:
        """Return how many frames are unread."""
        words = self._require()
        return words[layout.HEAD] - words[layout.DEFAULT_CURSOR]

    def image(self) -> tuple[NDArray[Any], np.float64]:
        """Return a private copy of the next frame, (y, x), and its time in seconds, and go on by one."""
        self._require()
        with self._ring.guard:
            slot = self._slot_of_next(1)
            pixels, seconds = self._ring.frames[slot].copy(), self._seconds(np.array([slot]))
            self._advance(1)
        return pixels, seconds[0]

    def peek(self, count: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the next `count` frames (n, y, x), in place where they lie in one piece, and their times."""
        self._require()
        slot = self._slot_of_next(count)
        places = (slot + np.arange(count)) % self._ring.length
        if slot + count <= self._ring.length:
            return self._ring.readonly[slot : slot + count], self._seconds(places)
        return self._ring.frames[places], self._seconds(places)

    def skip(self, count: int) -> None:
        """Go on by `count` frames."""
        self._require()
        with self._ring.guard:
            self._slot_of_next(count)
            self._advance(count)

    def _advance(self, count: int) -> None:
        words = self._ring.words
        words[layout.DEFAULT_CURSOR] = words[layout.DEFAULT_CURSOR] + count

    def _slot_of_next(self, count: int) -> int:
        unread = self.unread()
        if self._ring.fence is not None:
            self._ring.fence()
        if unread < count:
            raise BufferUnderflow(f"{self._ring.name} holds {unread} unread frames, {count} were asked for")
        return self._ring.words[layout.DEFAULT_CURSOR] % self._ring.length

    def _seconds(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        slots = self._ring.slots[places]
        seconds = slots.view(np.float64)[:, layout.SECONDS]
        given = slots[:, layout.SECONDS] != NO_SECONDS_WORD
        return np.where(given, seconds, slots.view(np.int64)[:, layout.TIMESTAMP_NS] * 1e-9)
