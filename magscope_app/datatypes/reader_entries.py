"""The readers that a buffer knows by name: who joins, who takes over from a dead one, who is forgotten."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Literal

from magscope_app import operating_system as system
from magscope_app.datatypes import layout
from magscope_app.datatypes.block import Block
from magscope_app.datatypes.gaps import GapTable, Span, Why
from magscope_app.datatypes.guard import Guard, LockLike
from magscope_app.datatypes.reader_mode import ReaderMode
from magscope_app.datatypes.wakes import Wakes, wake_key

Start = Literal["oldest", "newest", "resume"]
_NAME_BYTES = layout.NAME_WORDS * 8


class ReaderEntries:
    """The table of readers in the segment of a ring of `length` places; changed under the buffer's lock.

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
        self.guard = Guard(lock, block.words, block.name, block.session)
        self.wakes: Wakes = {} if wakes is None else wakes
        self.fence = system.memory_fence()
        #: Losses of readers whose entries other names have got; written under the lock.
        self.former_gaps = GapTable(self.words, layout.FORMER_GAPS, layout.READER_GAP_ENTRIES, self.fence)

    def order(self) -> None:
        """Keep stores and loads before this call before those after it."""
        if self.fence is not None:
            self.fence()

    # Names ----------------------------------------------------------------------------------------

    def reader_name(self, index: int) -> str:
        """Return the name in entry `index`; empty when it was never used."""
        return self._name_at(layout.READER_NAMES + index * layout.NAME_WORDS)

    def _name_at(self, word: int) -> str:
        raw = self.block.data[word * 8 : word * 8 + _NAME_BYTES].tobytes()
        # An observer may look while another name is being stored; it then sees that and looks again.
        return raw.rstrip(b"\0").decode(errors="replace")

    def _store_name(self, word: int, name: str) -> None:
        raw = _name_bytes(name)
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

    def lives(self, index: int) -> bool:
        """Return True when the process that registered this reader runs and has not closed it."""
        entry = self.entry(index)
        pid, start = self.words[entry + layout.PID], self.words[entry + layout.START]
        return pid != 0 and system.is_alive(pid, start)

    # Waiting for them -----------------------------------------------------------------------------

    def is_pinned(self, index: int) -> bool:
        """Return True when the writer waits for this reader."""
        words, entry = self.words, self.entry(index)
        lossless = words[entry + layout.MODE] == ReaderMode.LOSSLESS and words[entry + layout.PID] != 0
        return lossless and words[entry + layout.UNPINNED] != words[entry + layout.PINNED]

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

    # Joining --------------------------------------------------------------------------------------

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
        # Before anybody makes room for it.
        _name_bytes(name)
        with self.guard:
            self._finish_retiring()
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
            words[entry + layout.EXPECTED] |= name in order or wake_key(self.name, name) in self.wakes
            words[entry + layout.START] = system.process_start(os.getpid())
            words[entry + layout.PID] = os.getpid()
            # Last: an entry without a mode is free, whatever else it says.
            self.order()
            words[entry + layout.MODE] = mode
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
        for offset in (layout.CURSOR, layout.TORN, layout.EXPECTED):
            self.words[self.entry(index) + offset] = 0
        self.gap_table(index).clear()
        return index

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

    # Making room ----------------------------------------------------------------------------------

    def _free_entry(self, used: list[int]) -> int:
        free = [index for index in range(layout.MAX_READERS) if index not in used]
        if free:
            return free[0]
        gone = [index for index in used if not self.lives(index)]
        # Whoever comes under a forgotten name begins anew: what its predecessor read counts as lost to it.
        strangers = [index for index in gone if not self.words[self.entry(index) + layout.EXPECTED]]
        if not strangers:
            back = f", and the {len(gone)} that are gone are expected back" if gone else ""
            raise RuntimeError(f"{self.name} has {layout.MAX_READERS} readers already{back}: close one")
        chosen = min(strangers, key=self._worth)
        self._retire(chosen)
        return chosen

    def _worth(self, index: int) -> tuple[bool, int]:
        """Order readers that are gone: those that may miss something first, then the longest silent."""
        words, entry = self.words, self.entry(index)
        return words[entry + layout.MODE] == ReaderMode.LOSSLESS, words[entry + layout.BEAT]

    def _retire(self, index: int) -> None:
        """Move the losses of a reader that is gone to those of former readers, and forget it."""
        words = self.words
        words[layout.RETIRED] = index
        words[layout.RETIRED_FROM] = self.former_gaps.records()
        self.order()
        words[layout.RETIREMENTS] += 1
        self.order()
        self._finish_retiring()

    def _finish_retiring(self) -> None:
        """Go on with what the last `_retire` began, which may have been killed: no loss is booked twice."""
        words = self.words
        if not words[layout.RETIREMENTS] & 1:
            return
        index = words[layout.RETIRED]
        # Without a mode everything has been moved already.
        losses = self._losses_of_the_gone(index) if words[self.entry(index) + layout.MODE] else ()
        for span in losses[self.moved() :]:
            # Never joined to another, so that each is one record more.
            self.former_gaps.append(span.first, span.end, span.why, joins=False, skipped=span.skipped)
        words[self.entry(index) + layout.MODE] = 0
        self.order()
        words[self.entry(index) + layout.TENANT] += 1
        self.order()
        words[layout.RETIREMENTS] += 1
        self.order()

    def _losses_of_the_gone(self, index: int) -> tuple[Span, ...]:
        """Return what a reader booked and, last, what it was going to find on its return."""
        overdue = self.overdue(index)
        return (*self.gap_table(index).losses(), *(() if overdue is None else (overdue,)))

    def moved(self) -> int:
        """Return how many losses of the reader that is being retired stand with the former ones already."""
        return self.former_gaps.records() - self.words[layout.RETIRED_FROM]

    def retirement(self) -> tuple[int, int]:
        """Return two numbers that stay the same as long as no losses are moved."""
        self.order()
        state = self.words[layout.RETIREMENTS], self.former_gaps.records()
        self.order()
        return state


def _name_bytes(name: str) -> bytes:
    raw = name.encode(errors="replace") if isinstance(name, str) else b""
    if not raw or len(raw) > _NAME_BYTES or b"\0" in raw or raw.decode() != name:
        raise ValueError(f"a reader's name is a text of 1 to {_NAME_BYTES} bytes of UTF-8, {name!r} is not")
    return raw
