"""What a video ring and a matrix buffer have in common: one head, named readers, their ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.synchronize import Semaphore
from typing import Literal

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.gaps import FORMER, Gap, GapTable, Span, Why
from magscope_app.datatypes.guard import Guard, LockLike
from magscope_app.datatypes.reader_mode import ReaderCounters, ReaderMode, ReaderStatus
from magscope_app.datatypes.wakes import Wakes, wake_key

Start = Literal["oldest", "newest", "resume"]
#: Looks at the counts of a reader that loses something between any two of them.
_LOOKS = 1000
_NAME_BYTES = layout.NAME_WORDS * 8


class Channel:
    """The shared head of a ring of `length` places and the table of its readers.

    Attributes
    ----------
    words : memoryview
        The segment as 64-bit words.
    length : int
        Places in the ring: frames or rows.
    fence : callable or None
        Memory barrier between words, where the processor needs one.
    """

    def __init__(self, block: Block, length: int, lock: LockLike, wakes: Wakes | None) -> None:
        self.block = block
        self.name = block.name
        self.words = block.words
        self.length = length
        self.guard = Guard(lock, block.words, block.name)
        self.wakes: Wakes = {} if wakes is None else wakes
        self.fence = system.memory_fence()
        #: What found no place; written by the writer.
        self.ring_gaps = GapTable(self.words, layout.RING_GAPS, layout.WRITER_GAPS, self.fence)
        #: Losses of readers whose entries other names have got; written under the lock.
        self.former_gaps = GapTable(self.words, layout.FORMER_GAPS, layout.READER_GAP_ENTRIES, self.fence)

    # Names ----------------------------------------------------------------------------------------

    def reader_name(self, index: int) -> str:
        """Return the name in entry `index`; empty when it was never used."""
        return self._name_at(layout.READER_NAMES + index * layout.NAME_WORDS)

    def _name_at(self, word: int) -> str:
        raw = self.block.data[word * 8 : word * 8 + _NAME_BYTES].tobytes()
        return raw.rstrip(b"\0").decode()

    def _store_name(self, word: int, name: str) -> None:
        raw = name.encode()
        if not raw or len(raw) > _NAME_BYTES or b"\0" in raw:
            raise ValueError(f"a reader's name has 1 to {_NAME_BYTES} bytes of UTF-8, {name!r} has not")
        self.block.data[word * 8 : word * 8 + _NAME_BYTES] = memoryview(raw.ljust(_NAME_BYTES, b"\0"))

    def store_unpin_names(self, names: Sequence[str]) -> None:
        """Note which readers give way when the ring fills, the first one first."""
        if len(names) > layout.MAX_UNPIN_NAMES:
            raise ValueError(
                f"unpin_first has {len(names)} names, at most {layout.MAX_UNPIN_NAMES} are possible"
            )
        for place, name in enumerate(names):
            self._store_name(layout.UNPIN_NAMES + place * layout.NAME_WORDS, name)

    def unpin_names(self) -> tuple[str, ...]:
        """Return those names in their order."""
        places = range(layout.MAX_UNPIN_NAMES)
        names = (self._name_at(layout.UNPIN_NAMES + place * layout.NAME_WORDS) for place in places)
        return tuple(name for name in names if name)

    # Entries --------------------------------------------------------------------------------------

    @staticmethod
    def entry(index: int) -> int:
        """Return the offset of reader entry `index`."""
        return layout.READERS + index * layout.READER_WORDS

    def gap_table(self, index: int) -> GapTable:
        """Return the ledger of reader entry `index`."""
        base = layout.READER_GAPS + index * layout.READER_GAP_WORDS
        return GapTable(self.words, base, layout.READER_GAP_ENTRIES, self.fence)

    def used_entries(self) -> list[int]:
        """Return the indices of entries that carry a name."""
        entries = range(layout.MAX_READERS)
        return [index for index in entries if self.words[self.entry(index) + layout.MODE]]

    def find(self, name: str) -> int:
        """Return the entry of a reader.

        Raises
        ------
        KeyError
            When no reader of that name ever registered.
        """
        known = {self.reader_name(index): index for index in self.used_entries()}
        if name not in known:
            raise KeyError(f"{self.name} has no reader {name!r}; it has {sorted(known)}")
        return known[name]

    def lives(self, index: int) -> bool:
        """Return True when the process that registered this reader runs and has not closed it."""
        entry = self.entry(index)
        pid, start = self.words[entry + layout.PID], self.words[entry + layout.START]
        return pid != 0 and system.is_alive(pid, start)

    # Registration ---------------------------------------------------------------------------------

    def register(self, name: str, mode: ReaderMode, start: Start) -> int:
        """Give `name` an entry, or let it take over the one of its dead or closed predecessor.

        Returns
        -------
        int
            The entry's index; its cursor says where to go on.

        Raises
        ------
        RuntimeError
            When a living reader has that name, or all entries are taken.
        """
        if start not in ("oldest", "newest", "resume"):
            raise ValueError(f"start must be 'oldest', 'newest' or 'resume', not {start!r}")
        with self.guard:
            index = self._entry_for(name)
            entry, words = self.entry(index), self.words
            self._place_cursor(index, "newest" if mode is ReaderMode.NEWEST else start)
            words[entry + layout.BEAT] = time.perf_counter_ns()
            words[entry + layout.ARMED] = 0
            words[entry + layout.PINNED] = (
                max(words[entry + layout.PINNED], words[entry + layout.UNPINNED]) + 1
            )
            order = self.unpin_names()
            words[entry + layout.RANK] = order.index(name) + 1 if name in order else 0
            words[entry + layout.START] = system.process_start(os.getpid())
            words[entry + layout.MODE] = mode
            words[entry + layout.PID] = os.getpid()
            words[layout.EPOCH] += 1
        return index

    def _entry_for(self, name: str) -> int:
        used = self.used_entries()
        for index in used:
            if self.reader_name(index) == name:
                if self.lives(index):
                    pid = self.words[self.entry(index) + layout.PID]
                    raise RuntimeError(f"the reader {name!r} of {self.name} is in use by process {pid}")
                return index
        index = self._free_entry(used)
        self._store_name(layout.READER_NAMES + index * layout.NAME_WORDS, name)
        for offset in (layout.CURSOR, layout.TORN):
            self.words[self.entry(index) + offset] = 0
        self.gap_table(index).clear()
        return index

    def _free_entry(self, used: list[int]) -> int:
        free = [index for index in range(layout.MAX_READERS) if index not in used]
        if free:
            return free[0]
        gone = [index for index in used if not self.lives(index)]
        if not gone:
            raise RuntimeError(f"{self.name} has {layout.MAX_READERS} readers already: close one")
        # Those without losses first, then who has been silent for the longest time.
        words = self.words
        chosen = min(gone, key=lambda i: (self.gap_table(i).total() > 0, words[self.entry(i) + layout.BEAT]))
        self._retire(chosen)
        return chosen

    def _retire(self, index: int) -> None:
        """Move the losses of a reader that is gone to those of former readers, and forget it."""
        for span in self.gap_table(index).losses():
            self.former_gaps.append(span.first, span.end, span.why, joins=False, skipped=span.skipped)
        self.words[self.entry(index) + layout.MODE] = 0

    def _place_cursor(self, index: int, start: Start) -> None:
        words, entry, table = self.words, self.entry(index), self.gap_table(index)
        head = words[layout.HEAD]
        # A predecessor may have been killed after it booked a loss and before it moved on.
        cursor = max(words[entry + layout.CURSOR], table.last_end())
        if start == "newest":
            if head > cursor:
                table.append(cursor, head, Why.UNWANTED)
            cursor = head
        elif head - cursor > self.length:
            back = self.length if start == "oldest" else self.length // 2
            table.append(cursor, head - back, Why.ABSENT)
            cursor = head - back
        words[entry + layout.CURSOR] = cursor

    def unregister(self, index: int) -> None:
        """Close a reader: its counts stay, its pin goes."""
        pid = self.entry(index) + layout.PID
        # A forked child has a copy of the reader, but its parent goes on reading.
        if self.words[pid] == os.getpid():
            self.words[pid] = 0

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

    def overdue(self, index: int) -> Span | None:
        """Return what is overwritten already and still before a reader that has not been closed."""
        words, entry = self.words, self.entry(index)
        end = words[layout.HEAD] - self.length
        mode = words[entry + layout.MODE]
        first = max(words[entry + layout.CURSOR], self.gap_table(index).last_end())
        if (
            not words[entry + layout.PID]
            or mode == ReaderMode.NEWEST
            or first >= end
            or self.is_pinned(index)
        ):
            return None
        return Span(first, end, 0, self.why_lapped(index), 0)

    def why_lapped(self, index: int) -> Why:
        """Return why the writer did not wait for a reader."""
        words, entry = self.words, self.entry(index)
        if words[entry + layout.MODE] != ReaderMode.LOSSLESS:
            return Why.LAPPED
        unpinned = words[entry + layout.UNPINNED] == words[entry + layout.PINNED]
        return Why(words[entry + layout.UNPINNED_WHY]) if unpinned else Why.LAPPED

    def reader_gaps(self) -> list[Gap]:
        """Return the losses of all readers by position, also those that a reader will find on its return."""
        gaps = list(self.former_gaps.gaps(FORMER))
        for index in self.used_entries():
            name, overdue = self.reader_name(index), self.overdue(index)
            gaps += self.gap_table(index).gaps(name)
            if overdue is not None:
                gap = overdue.gap(name)
                gaps.append(replace(gap, why=f"{gap.why}; it has not come back yet"))
        return gaps

    def level(self, index: int) -> float:
        """Return the fraction of the ring that a reader has not read yet."""
        behind = self.words[layout.HEAD] - self.words[self.entry(index) + layout.CURSOR]
        return min(behind, self.length) / self.length

    def is_pinned(self, index: int) -> bool:
        """Return True when the writer waits for this reader."""
        words, entry = self.words, self.entry(index)
        lossless = words[entry + layout.MODE] == ReaderMode.LOSSLESS and words[entry + layout.PID] != 0
        return lossless and words[entry + layout.UNPINNED] != words[entry + layout.PINNED]

    def statuses(self) -> tuple[ReaderStatus, ...]:
        """Return what can be said about every reader."""
        return tuple(self._status(index) for index in self.used_entries())

    def _status(self, index: int) -> ReaderStatus:
        words, entry = self.words, self.entry(index)
        mode, overdue = ReaderMode(words[entry + layout.MODE]), self.overdue(index)
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
        lossless = [self.level(index) for index in self.lossless_entries()]
        if self.words[layout.HAS_DEFAULT]:
            behind = self.words[layout.HEAD] - self.words[layout.DEFAULT_CURSOR]
            lossless.append(min(behind, self.length) / self.length)
        return max(lossless, default=0.0)

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
