"""What named readers of frames and of rows have in common: waiting, beating, booking losses."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self, cast

from magscope_app.datatypes import layout
from magscope_app.datatypes.channel import Channel, Start
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.gaps import GapTable, Why
from magscope_app.datatypes.reader_mode import ReaderCounters, ReaderMode
from magscope_app.datatypes.wakes import wake_key

#: A wake is a hint: nobody sleeps longer than this without looking and beating.
_SLICE_S = 0.1
_SHORTEST_SLEEP_S = 0.0002
_LONGEST_SLEEP_S = 0.02


class CursorReader:
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
        self._cursor = channel.words[self._entry + layout.CURSOR]
        #: A reader of the newest only waits for something newer than it saw last.
        self._seen = 0
        self._token = 0

    # Waiting --------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Give a sign of life: a lossless reader that is silent for too long loses its pin."""
        channel = self._channel
        channel.words[self._entry + layout.BEAT] = time.perf_counter_ns()
        if self.mode is ReaderMode.LOSSLESS:
            self._pin_again(channel)

    def _pin_again(self, channel: Channel) -> None:
        words, entry = channel.words, self._entry
        if words[entry + layout.UNPINNED] != words[entry + layout.PINNED]:
            return
        if words[layout.HEAD] - self._cursor <= channel.length // 2:
            words[entry + layout.PINNED] += 1

    @property
    def available(self) -> int:
        """How many can be read now; for a reader of the newest, how many came since it looked last."""
        channel = self._channel
        done = max(self._seen, self._cursor) if self.mode is ReaderMode.NEWEST else self._cursor
        return min(channel.words[layout.HEAD] - done, channel.length)

    def wait(self, timeout_s: float) -> bool:
        """Sleep until something can be read, at most `timeout_s` seconds.

        Returns
        -------
        bool
            True when something can be read.
        """
        self.beat()
        if self.available > 0:
            return True
        deadline = time.perf_counter() + timeout_s
        pause = _SHORTEST_SLEEP_S
        while (left := deadline - time.perf_counter()) > 0:
            if self._semaphore is not None:
                self._sleep_armed(min(left, _SLICE_S))
            else:
                time.sleep(min(left, pause))
                pause = min(2 * pause, _LONGEST_SLEEP_S)
            # Nothing between being woken and saying so: whoever reads now gives its sign of life then.
            if self.available > 0:
                return True
            self.beat()
        return False

    def _sleep_armed(self, timeout_s: float) -> None:
        channel, semaphore = self._channel, self._semaphore
        self._token += 1
        channel.words[self._entry + layout.ARMED] = self._token
        if channel.fence is not None:
            channel.fence()
        if self.available <= 0 and semaphore is not None:
            semaphore.acquire(True, timeout_s)
        channel.words[self._entry + layout.ARMED] = 0

    # Cursor ---------------------------------------------------------------------------------------

    def _move(self, cursor: int) -> None:
        self._cursor = cursor
        self._channel.words[self._entry + layout.CURSOR] = cursor

    def _lose(self, end: int, why: Why) -> None:
        """Book everything from the cursor to `end` as lost, then move there."""
        self._gaps.append(self._cursor, end, why)
        self._move(end)

    def _why_lapped(self) -> Why:
        words, entry = self._channel.words, self._entry
        unpinned = words[entry + layout.UNPINNED] == words[entry + layout.PINNED]
        return Why(words[entry + layout.UNPINNED_WHY]) if unpinned else Why.LAPPED

    def _count_torn(self, count: int) -> None:
        self._channel.words[self._entry + layout.TORN] += count

    @property
    def counters(self) -> ReaderCounters:
        """Counts of this reader; ``got + lost == cursor`` always."""
        return self._channel.counters(self._index)

    # End ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop reading: the pin goes, the counts stay. The next reader of this name goes on here."""
        if isinstance(self._channel, Closed):
            return
        self._channel.unregister(self._index)
        self._channel = cast("Channel", Closed(f"the reader {self.name!r}"))
        self._gaps = cast("GapTable", self._channel)

    def __del__(self) -> None:
        # Registering may have been refused.
        if hasattr(self, "_token"):
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
