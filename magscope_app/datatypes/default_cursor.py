"""The one lossless cursor without a name, on which the documented reading methods act."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import layout
from magscope_app.datatypes.errors import BufferUnderflow
from magscope_app.datatypes.frames import NO_SECONDS_WORD
from magscope_app.datatypes.ring import Ring

#: Looks at what other handles may move between any two of them.
_LOOKS = 1000


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
        return min(self._look()[1], self._ring.length)

    def _look(self) -> tuple[int, int]:
        """Return the cursor and how many frames are unread from there."""
        words = self._require()
        # In this order: another handle may move the cursor in between, and the head only grows.
        cursor = words[layout.DEFAULT_CURSOR]
        self._ring.order()
        return cursor, words[layout.HEAD] - cursor

    def _next(self, count: int) -> int:
        """Return where the next `count` frames begin; BufferUnderflow when there are not so many."""
        cursor, unread = self._look()
        if unread < count:
            raise BufferUnderflow(f"{self._ring.name} holds {unread} unread frames, {count} were asked for")
        self._ring.order()
        return cursor

    def image(self) -> tuple[NDArray[Any], np.float64]:
        """Return a private copy of the next frame, (y, x), and its time in seconds, and go on by one."""
        for _ in range(_LOOKS):
            cursor = self._next(1)
            place = np.array([cursor % self._ring.length])
            pixels, seconds = self._ring.frames[place[0]].copy(), self._seconds(place)
            with self._ring.guard:
                if self._is_still(cursor):
                    self._advance(1)
                    return pixels, seconds[0]
        raise self._too_busy()

    def peek(self, count: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the next `count` frames (n, y, x), in place where they lie in one piece, and their times."""
        for _ in range(_LOOKS):
            cursor = self._next(count)
            slot = cursor % self._ring.length
            places = (slot + np.arange(count)) % self._ring.length
            if slot + count <= self._ring.length:
                frames = self._ring.readonly[slot : slot + count]
            else:
                frames = self._ring.frames[places]
                frames.flags.writeable = False
            seconds = self._seconds(places)
            if self._is_still(cursor):
                return frames, seconds
        raise self._too_busy()

    def skip(self, count: int) -> None:
        """Go on by `count` frames."""
        self._require()
        with self._ring.guard:
            self._next(count)
            self._advance(count)

    def _is_still(self, cursor: int) -> bool:
        """Say whether no other handle has gone on since: the writer then has kept what was looked at."""
        self._ring.order()
        return self._ring.words[layout.DEFAULT_CURSOR] == cursor

    def _too_busy(self) -> TimeoutError:
        return TimeoutError(f"{self._ring.name} is being read by others without a pause: ask again")

    def _advance(self, count: int) -> None:
        words = self._ring.words
        words[layout.DEFAULT_CURSOR] = words[layout.DEFAULT_CURSOR] + count

    def _seconds(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        slots = self._ring.slots[places]
        seconds = slots.view(np.float64)[:, layout.SECONDS]
        given = slots[:, layout.SECONDS] != NO_SECONDS_WORD
        return np.where(given, seconds, slots.view(np.int64)[:, layout.TIMESTAMP_NS] * 1e-9)
