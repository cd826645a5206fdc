"""The ledger of losses, in shared memory: fixed tables with one writer each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from magscope_app.datatypes import layout

_MASK = (1 << 64) - 1
_RETRIES = 8
_FIRST, _END, _SKIPPED, _WHY, _AT = range(layout.GAP_WORDS)
_USED = 0
_ENTRIES = 8


class Why(IntEnum):
    """Cause of a loss, as stored."""

    FULL = 1
    CAMERA_JUMP = 2
    LAPPED = 3
    OWNER_DIED = 4
    NO_HEARTBEAT = 5
    RING_FILLING = 6
    ABSENT = 7
    OVERWRITTEN_IN_USE = 8
    MERGED = 9
    CAMERA_AWAY = 10


_TEXT = {
    Why.FULL: "the ring was full: a lossless reader was too slow",
    Why.CAMERA_JUMP: "the camera's own frame number jumped",
    Why.CAMERA_AWAY: "the camera was away and came back; the number follows from the time and its rate",
    Why.LAPPED: "the writer lapped this reader",
    Why.OWNER_DIED: "the reader's process died and the ring went on without it",
    Why.NO_HEARTBEAT: "the reader gave no sign of life and the ring went on without it",
    Why.RING_FILLING: "the ring was filling up and this reader gives way first",
    Why.ABSENT: "published before this reader came or came back",
    Why.OVERWRITTEN_IN_USE: "overwritten while the reader was using it",
    Why.MERGED: "several losses: the table was full, only their sum is kept",
}


#: What `Gap.why` says where only the first id and the number of the losses from there on are known.
MERGED = _TEXT[Why.MERGED]
#: What it says of a full ring.
FULL = _TEXT[Why.FULL]


@dataclass(frozen=True, slots=True)
class Gap:
    """One loss.

    Attributes
    ----------
    first_id : int
        Frame id (row number for a matrix buffer) of the first lost one. For a loss in the camera, which never
        had an id: the id of the next frame that arrived.
    count : int
        How many were lost.
    where : str
        ``"camera"``, ``"ring"`` or the name of the reader.
    why : str
        The cause, in words.
    """

    first_id: int
    count: int
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stored loss: the half-open range [first, end) without `skipped` that were not lost."""

    first: int
    end: int
    skipped: int
    why: Why
    at: int

    @property
    def count(self) -> int:
        """How many were lost; modular, because camera numbers may start again between two merged gaps."""
        return (self.end - self.first - self.skipped) & _MASK


class GapTable:
    """Losses of one writer or reader, exact in number even when it is killed in the middle of booking.

    A new record becomes visible by one store of the number of records, a record that grows by one store of
    its end.
    When the table is full, losses are merged alternately into two further records, of which that number says
    which one holds.
    """

    def __init__(self, words: memoryview[int], base: int, fence: Callable[[], object] | None) -> None:
        self._words = words
        self._base = base
        self._fence = fence

    def append(self, first: int, end: int, why: Why, *, at: int = 0, joins: bool = True) -> None:
        """Book the range [first, end); one that continues the last record only lengthens it if `joins`."""
        words, used = self._words, self._words[self._base + _USED]
        last = self._record(used) if used else 0
        if used and joins and words[last + _END] == first and words[last + _WHY] == why:
            words[last + _END] = end
            return
        if used <= layout.GAP_ENTRIES:
            record = (first, end, 0, int(why), at)
        else:
            skipped = words[last + _SKIPPED] + first - words[last + _END]
            record = (words[last + _FIRST], end, skipped & _MASK, int(Why.MERGED), words[last + _AT])
        target = self._record(used + 1)
        for offset, value in enumerate(record):
            words[target + offset] = value
        if self._fence is not None:
            self._fence()
        words[self._base + _USED] = used + 1

    def spans(self) -> tuple[Span, ...]:
        """Return all records in the order they were booked."""
        for _ in range(_RETRIES):
            used = self._words[self._base + _USED]
            found = tuple(self._span(number) for number in self._numbers(used))
            if self._fence is not None:
                self._fence()
            if self._words[self._base + _USED] == used:
                break
        return found

    def total(self) -> int:
        """Return how many were lost altogether."""
        return sum(span.count for span in self.spans())

    def last_end(self) -> int:
        """Return where the newest record ends; 0 without any."""
        used = self._words[self._base + _USED]
        return self._words[self._record(used) + _END] if used else 0

    def clear(self) -> None:
        """Forget everything (a reader's entry is given to another name)."""
        self._words[self._base + _USED] = 0

    def gaps(self, where: str, *, by_place: bool = False) -> tuple[Gap, ...]:
        """Return the records in words; `by_place` takes the id noted beside the range as the first id."""
        return tuple(
            Gap(span.at if by_place else span.first, span.count, where, _TEXT[span.why])
            for span in self.spans()
        )

    def _numbers(self, used: int) -> list[int]:
        plain = list(range(1, min(used, layout.GAP_ENTRIES) + 1))
        return [*plain, used] if used > layout.GAP_ENTRIES else plain

    def _record(self, number: int) -> int:
        """Return the offset of record `number`, counted from 1."""
        index = number - 1
        if index > layout.GAP_ENTRIES:
            index = layout.GAP_ENTRIES + ((index - layout.GAP_ENTRIES) & 1)
        return self._base + _ENTRIES + index * layout.GAP_WORDS

    def _span(self, number: int) -> Span:
        first, end, skipped, why, at = self._words[self._record(number) :][: layout.GAP_WORDS].tolist()
        return Span(first, end, skipped, Why(why or Why.MERGED), at)
