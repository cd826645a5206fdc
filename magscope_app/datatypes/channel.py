"""What a video ring and a matrix buffer have in common: one head, named readers, their ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Semaphore
from typing import TypeVar

from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.gaps import FORMER, Gap, GapTable, losses_in
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.reader_entries import ReaderEntries
from magscope_app.datatypes.reader_mode import ReaderCounters, ReaderMode, ReaderStatus
from magscope_app.datatypes.wakes import Wakes, wake_key

#: Looks at what changes between any two of them.
_LOOKS = 1000
_ENTRIES = range(layout.MAX_READERS)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Losses:
    """Losses of the reader that an entry had at one instant."""

    index: int
    tenant: int
    booked: tuple[Gap, ...]
    overdue: tuple[Gap, ...]


class Channel(ReaderEntries):
    """The shared head of a ring of `length` places, and what anybody can see of its readers."""

    def __init__(self, block: Block, length: int, lock: LockLike, wakes: Wakes | None) -> None:
        super().__init__(block, length, lock, wakes)
        #: What found no place; written by the writer.
        self.ring_gaps = GapTable(self.words, layout.RING_GAPS, layout.WRITER_GAPS, self.fence)

    # Entries that may change hands meanwhile --------------------------------------------------------

    def _settled(self, index: int, look: Callable[[int, ReaderMode], T]) -> T | None:
        """Return what `look` finds in an entry while it is one reader's; None when it is free."""
        words, entry = self.words, self.entry(index)
        for _ in range(_LOOKS):
            tenant = words[entry + layout.TENANT]
            self.order()
            mode = words[entry + layout.MODE]
            if not mode:
                return None
            found = look(index, ReaderMode(mode))
            self.order()
            if words[entry + layout.TENANT] == tenant:
                return found
        raise TimeoutError(f"the readers of {self.name} come and go without a pause: ask again")

    def _of(self, name: str, look: Callable[[int], T]) -> T:
        """Return what `look` finds in the entry of a reader.

        Raises
        ------
        KeyError
            When no reader of that name ever registered.
        """

        def wanted(index: int, _mode: ReaderMode) -> tuple[T] | None:
            return (look(index),) if self.reader_name(index) == name else None

        for index in _ENTRIES:
            found = self._settled(index, wanted)
            if found is not None:
                return found[0]
        names = (self._settled(index, lambda index, _mode: self.reader_name(index)) for index in _ENTRIES)
        raise KeyError(f"{self.name} has no reader {name!r}; it has {sorted(filter(None, names))}")

    def counters_of(self, name: str) -> ReaderCounters:
        """Return the counts of a reader by its name; KeyError when it never registered."""
        return self._of(name, self.counters)

    def level_of(self, name: str) -> float:
        """Return the level of a reader by its name; KeyError when it never registered."""
        return self._of(name, self.level)

    # Looking --------------------------------------------------------------------------------------

    def counters(self, index: int) -> ReaderCounters:
        """Return one reader's counts, all of the same instant.

        The reader stores nothing but its cursor for each batch: what it got is what its cursor passed without
        a loss.

        Raises
        ------
        TimeoutError
            When it lost something during every one of a thousand looks.
        """
        words, entry, table = self.words, self.entry(index), self.gap_table(index)
        for _ in range(_LOOKS):
            booked, position = table.booked(), words[entry + layout.CURSOR]
            if table.is_still(booked):
                break
        else:
            raise TimeoutError(f"the counts of reader {self.reader_name(index)!r} change without a pause")
        # What is booked and not yet passed does not count yet.
        pending = max(0, booked.end - position)
        lost, unwanted = booked.lost, booked.unwanted
        if booked.last_is_loss:
            lost -= pending
        else:
            unwanted -= pending
        cursor = position - unwanted
        return ReaderCounters(cursor, cursor - lost, lost, words[entry + layout.TORN], position)

    def reader_gaps(self) -> list[Gap]:
        """Return the losses of all readers by position, also those that a reader will find on its return.

        Each stands there once, even while the losses of a reader are being moved to the former ones.

        Raises
        ------
        TimeoutError
            When losses were moved during every one of a thousand looks.
        """
        seen = [found for index in _ENTRIES if (found := self._settled(index, self._losses)) is not None]
        for _ in range(_LOOKS):
            state = self.retirement()
            former = self.former_gaps.stored()
            known = [gap for found in seen for gap in self._not_moved(found)]
            if self.retirement() == state:
                return [*(span.gap(FORMER) for span in losses_in(former)), *known]
        raise TimeoutError(f"the readers of {self.name} come and go without a pause: ask again")

    def _losses(self, index: int, _mode: ReaderMode) -> _Losses:
        name, tenant = self.reader_name(index), self.words[self.entry(index) + layout.TENANT]
        table = self.gap_table(index)
        for _ in range(_LOOKS):
            # What it books in between is not to be told as overdue, too.
            newest, booked, overdue = table.booked(), table.gaps(name), self.overdue(index)
            if table.is_still(newest):
                to_come = [] if overdue is None else [overdue.gap(name)]
                missed = (replace(gap, why=f"{gap.why}; it has not come back yet") for gap in to_come)
                return _Losses(index, tenant, booked, tuple(missed))
        raise TimeoutError(f"the losses of reader {name!r} change without a pause")

    def _not_moved(self, found: _Losses) -> tuple[Gap, ...]:
        words = self.words
        if words[self.entry(found.index) + layout.TENANT] != found.tenant:
            return ()
        if words[layout.RETIREMENTS] & 1 and words[layout.RETIRED] == found.index:
            return (found.booked + found.overdue)[self.moved() :]
        return found.booked + found.overdue

    def level(self, index: int) -> float:
        """Return the fraction of the ring that a reader has not read yet."""
        return self._unread(self.entry(index) + layout.CURSOR)

    def _unread(self, cursor_word: int) -> float:
        cursor = self.words[cursor_word]
        # In this order: the cursor may move on in between, and the head only grows.
        self.order()
        return min(self.words[layout.HEAD] - cursor, self.length) / self.length

    def statuses(self) -> tuple[ReaderStatus, ...]:
        """Return what can be said about every reader."""
        found = (self._settled(index, self._status) for index in _ENTRIES)
        return tuple(status for status in found if status is not None)

    def _status(self, index: int, mode: ReaderMode) -> ReaderStatus:
        words, entry, overdue = self.words, self.entry(index), self.overdue(index)
        return ReaderStatus(
            name=self.reader_name(index),
            mode=mode,
            pid=words[entry + layout.PID],
            alive=self.lives(index),
            pinned=self.is_pinned(index),
            level=0.0 if mode is ReaderMode.NEWEST else self.level(index),
            beat_age_s=max(0, time.perf_counter_ns() - words[entry + layout.BEAT]) * 1e-9,
            counters=self.counters(index),
            overdue=overdue.count if overdue is not None else 0,
        )

    def slowest_level(self) -> float:
        """Return the level of the slowest lossless reader, the one without a name included; 0 without any."""
        lossless = [self._settled(index, self._lossless_level) or 0.0 for index in _ENTRIES]
        if self.words[layout.HAS_DEFAULT]:
            lossless.append(self._unread(layout.DEFAULT_CURSOR))
        return max(lossless)

    def _lossless_level(self, index: int, mode: ReaderMode) -> float:
        holds = mode is ReaderMode.LOSSLESS and self.words[self.entry(index) + layout.PID]
        return self.level(index) if holds else 0.0

    def lossless_entries(self) -> list[int]:
        """Return the entries of lossless readers that have not been closed."""
        words = self.words
        return [
            index
            for index in self.used_entries()
            if words[self.entry(index) + layout.MODE] == ReaderMode.LOSSLESS
            and words[self.entry(index) + layout.PID]
        ]

    def wake_list(self) -> list[tuple[int, Semaphore]]:
        """Return (offset of the armed word, semaphore) of the living readers that can be woken."""
        found = []
        for index in self.used_entries():
            semaphore = self.wakes.get(wake_key(self.name, self.reader_name(index)))
            if semaphore is not None and self.words[self.entry(index) + layout.PID]:
                found.append((self.entry(index) + layout.ARMED, semaphore))
        return found
