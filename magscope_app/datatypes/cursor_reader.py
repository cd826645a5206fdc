"""What named readers of frames and of rows have in common: waiting, beating, booking losses."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from multiprocessing.synchronize import Semaphore
from types import TracebackType
from typing import Self, cast

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.channel import Channel
from magscope_app.datatypes.checks import time_to_wait
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.gaps import GapTable, Why
from magscope_app.datatypes.handle import Handle
from magscope_app.datatypes.reader_entries import Start
from magscope_app.datatypes.reader_mode import ReaderCounters, ReaderMode
from magscope_app.datatypes.wakes import wake_key

#: A wake is a hint: nobody sleeps longer than this without looking and beating.
_SLICE_S = 0.1
_SHORTEST_SLEEP_S = 0.0002
_LONGEST_SLEEP_S = 0.02

# Names of this module: one look-up less for each use on the hot path.
_HEAD = layout.HEAD
_BEAT, _ARMED = layout.BEAT, layout.ARMED
_UNPINNED, _PINNED = layout.UNPINNED, layout.PINNED


class CursorReader(Handle):
    """A named reader with its cursor in the segment; made by ``buffer.reader(...)``.

    Attributes
    ----------
    name : str
    mode : ReaderMode
    """

    def __init__(self, channel: Channel, name: str, mode: ReaderMode, start: Start) -> None:
        self.name = name
        self.mode = mode
        self._channel = channel
        self._index = channel.register(name, mode, start)
        self._entry = channel.entry(self._index)
        self._gaps = channel.gap_table(self._index)
        self._semaphore = channel.wakes.get(wake_key(channel.name, name))
        self._cursor_word = self._entry + layout.CURSOR
        self._cursor = channel.words[self._cursor_word]
        #: Counted apart from cursor and losses, so that they can be held against each other.
        self._got = channel.counters(self._index).got
        self._lossless = mode is ReaderMode.LOSSLESS
        self._newest_only = mode is ReaderMode.NEWEST
        #: A reader of the newest only waits for something newer than it saw last.
        self._seen = 0
        #: Counts up while it waits. No two readers begin at the same number: the writer would take the arming
        #: of the second for one that it has answered.
        self._token = time.perf_counter_ns()
        self._buffer: object = None
        system.tell_of_forks(self)

    def forked(self) -> None:
        """Be closed in the child: its parent goes on reading under this name."""
        self.close()

    # Waiting --------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Give a sign of life: a lossless reader that is silent for too long loses its pin."""
        words, entry = self._channel.words, self._entry
        words[entry + _BEAT] = time.perf_counter_ns()
        if self._lossless and words[entry + _UNPINNED] == words[entry + _PINNED]:
            self._pin_again()

    def _pin_again(self) -> None:
        channel = self._channel
        if channel.words[_HEAD] - self._cursor <= channel.length // 2:
            channel.words[self._entry + _PINNED] += 1

    def _done(self) -> int:
        return max(self._seen, self._cursor) if self._newest_only else self._cursor

    @property
    def available(self) -> int:
        """How many can be read now; for a reader of the newest, how many came since it looked last."""
        channel = self._channel
        return min(channel.words[_HEAD] - self._done(), channel.length)

    def wait(self, timeout_s: float) -> bool:
        """Sleep until something can be read, at most `timeout_s` seconds.

        Returns
        -------
        bool
            True when something can be read.

        Raises
        ------
        ValueError
            For a time that is no number.
        """
        if type(timeout_s) is not float or math.isnan(timeout_s):
            timeout_s = time_to_wait("timeout_s", timeout_s)
        self.beat()
        words, done = self._channel.words, self._done()
        if words[_HEAD] > done:
            return True
        left, deadline = timeout_s, time.perf_counter() + timeout_s
        pause = _SHORTEST_SLEEP_S
        while left > 0:
            if self._semaphore is not None:
                self._sleep_armed(self._semaphore, done, min(left, _SLICE_S))
            else:
                time.sleep(min(left, pause))
                pause = min(2 * pause, _LONGEST_SLEEP_S)
            # Nothing between being woken and saying so: whoever reads now gives its sign of life then.
            if words[_HEAD] > done:
                return True
            self.beat()
            left = deadline - time.perf_counter()
        return False

    def _sleep_armed(self, semaphore: Semaphore, done: int, timeout_s: float) -> None:
        channel, armed = self._channel, self._entry + _ARMED
        words = channel.words
        self._token += 1
        words[armed] = self._token
        if channel.fence is not None:
            channel.fence()
        if words[_HEAD] <= done:
            semaphore.acquire(True, timeout_s)
        words[armed] = 0

    # Cursor ---------------------------------------------------------------------------------------

    def _move(self, cursor: int) -> None:
        self._cursor = cursor
        self._channel.words[self._cursor_word] = cursor

    def _lose(self, end: int, why: Why) -> None:
        """Book everything from the cursor to `end` as lost, then move there."""
        self._gaps.append(self._cursor, end, why)
        self._move(end)

    def _why_lapped(self) -> Why:
        return self._channel.why_lapped(self._index)

    def _count_torn(self, count: int) -> None:
        self._channel.words[self._entry + layout.TORN] += count

    @property
    def counters(self) -> ReaderCounters:
        """Counts of this reader; ``got + lost == cursor`` always."""
        return replace(self._channel.counters(self._index), got=self._got)

    # End ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop reading: the pin goes, the counts stay. The next reader of this name goes on here."""
        if isinstance(self._channel, Closed):
            return
        self._channel.unregister(self._index)
        self._channel = cast("Channel", Closed(f"the reader {self.name!r}"))
        self._gaps = cast("GapTable", self._channel)
        self._buffer = None

    def keep(self, buffer: object) -> None:
        """Let the buffer live as long as this reader is open, also when nobody else has it."""
        self._buffer = buffer

    def __del__(self) -> None:
        # Registering may have been refused.
        if hasattr(self, "_token"):
            self.close()

    def __enter__(self) -> Self:
        # A closed one says so.
        self._channel.order()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
