"""The ledger of losses, in shared memory: fixed tables with one writer each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from magscope_app.datatypes import layout

_MASK = (1 << 64) - 1
_RETRIES = 1000
_FIRST, _END, _SKIPPED, _WHY, _AT, _LOST_BEFORE, _UNWANTED_BEFORE, _LAST_WHY = range(layout.GAP_WORDS)
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
    #: No loss: passed over by the reader's own wish.
    UNWANTED = 11

    @property
    def text(self) -> str:
        """The cause in words."""
        return _TEXT[self]


_TEXT = {
    Why.FULL: "the ring was full: a lossless reader was too slow",
    Why.CAMERA_JUMP: "the camera's own frame number jumped",
    Why.CAMERA_AWAY: "the camera was away and came back; the number follows from the time and its rate",
    Why.LAPPED: "the writer lapped this reader",
    Why.OWNER_DIED: "the reader's process died and the ring went on without it",
    Why.NO_HEARTBEAT: "the reader gave no sign of life and the ring went on without it",
    Why.RING_FILLING: "the ring was filling up and this reader gives way first",
    Why.ABSENT: "published while nobody read: the reader's process had died or hung, or had not begun yet",
    Why.OVERWRITTEN_IN_USE: "overwritten while the reader was using it",
    Why.MERGED: "several losses: the table was full, only their sum is kept",
    Why.UNWANTED: "passed over by the reader's own wish",
}


#: What `Gap.where` says of readers of which only the losses are remembered.
FORMER = "former readers"
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

    def gap(self, where: str, *, first_id: int | None = None) -> Gap:
        """Return it in words."""
        return Gap(self.first if first_id is None else first_id, self.count, where, _TEXT[self.why])


@dataclass(frozen=True, slots=True)
class Booked:
    """What a table says at one instant.

    Attributes
    ----------
    records : int
        Records so far.
    end : int
        Where the newest ends; 0 without any.
    lost, unwanted : int
        Sums of all records.
    last_is_loss : bool
        Whether the newest is a loss.
    """

    records: int
    end: int
    lost: int
    unwanted: int
    last_is_loss: bool


_NOTHING = Booked(0, 0, 0, 0, last_is_loss=True)


class GapTable:
    """Losses of one writer or reader, exact in number even when it is killed in the middle of booking.

    A new record becomes visible by one store of the number of records, a record that grows by one store of
    its end. Each record carries the sums of those before it, so that the newest one tells all sums.
    When the table is full, losses are merged alternately into two further records, of which that number says
    which one holds.
    """

    def __init__(
        self, words: memoryview[int], base: int, entries: int, fence: Callable[[], object] | None
    ) -> None:
        self._words = words
        self._base = base
        self._entries = entries
        self._fence = fence

    def append(
        self, first: int, end: int, why: Why, *, at: int = 0, joins: bool = True, skipped: int = 0
    ) -> None:
        """Book [first, end) without `skipped`; what continues the last record lengthens it if `joins`."""
        words, used = self._words, self._words[self._base + _USED]
        last = self._record(used) if used else 0
        if used and joins and self._continues(last, first, why, at):
            words[last + _END] = end
            self._order()
            return
        booked = self.booked()
        is_loss = why is not Why.UNWANTED
        unwanted_before = booked.unwanted
        if used <= self._entries:
            record = (first, end, skipped, int(why), at, booked.lost, unwanted_before, int(why))
        else:
            skipped += words[last + _SKIPPED] + first - words[last + _END]
            if words[last + _WHY] == Why.UNWANTED:  # the last record of its own: all of it was wished
                skipped += words[last + _END] - words[last + _FIRST]
            if not is_loss:
                skipped += end - first
                unwanted_before += end - first
            began = words[last + _FIRST], words[last + _AT], words[last + _LOST_BEFORE]
            record = (began[0], end, skipped, int(Why.MERGED), began[1], began[2], unwanted_before, int(why))
        target = self._record(used + 1)
        for offset, value in enumerate(record):
            words[target + offset] = value & _MASK
        self._order()
        words[self._base + _USED] = used + 1
        self._order()

    def _continues(self, last: int, first: int, why: Why, at: int) -> bool:
        words = self._words
        return words[last + _END] == first and words[last + _WHY] == why and words[last + _AT] == at

    def _order(self) -> None:
        if self._fence is not None:
            self._fence()

    def booked(self) -> Booked:
        """Return the sums, as they were at one instant.

        Raises
        ------
        TimeoutError
            When losses were booked during every one of a thousand looks.
        """
        words = self._words
        for _ in range(_RETRIES):
            used = words[self._base + _USED]
            self._order()
            if not used:
                return _NOTHING
            place = self._record(used)
            record = words[place : place + layout.GAP_WORDS].tolist()
            self._order()
            if words[self._base + _USED] == used:
                return _sums(used, record)
        raise TimeoutError("losses are being booked without a pause: they could not be read")

    def is_still(self, booked: Booked) -> bool:
        """Say whether nothing has been booked since."""
        self._order()
        words, used = self._words, self._words[self._base + _USED]
        return used == booked.records and (not used or words[self._record(used) + _END] == booked.end)

    def stored(self) -> list[int]:
        """Return the words of all records in the order they were booked, those that are no loss included."""
        words, first = self._words, self._base + _ENTRIES
        for _ in range(_RETRIES):
            used = words[self._base + _USED]
            self._order()
            stored = words[first : first + min(used, self._entries) * layout.GAP_WORDS].tolist()
            if used > self._entries:
                stored += words[self._record(used) : self._record(used) + layout.GAP_WORDS].tolist()
            self._order()
            # Only the merged record is ever written anew.
            if used <= self._entries or words[self._base + _USED] == used:
                break
        return stored

    def losses(self) -> tuple[Span, ...]:
        """Return the records of losses."""
        return losses_in(self.stored())

    def records(self) -> int:
        """Return how many records there have been."""
        return self._words[self._base + _USED]

    def total(self) -> int:
        """Return how many were lost altogether."""
        return self.booked().lost

    def last_end(self) -> int:
        """Return where the newest record ends; 0 without any."""
        return self.booked().end

    def clear(self) -> None:
        """Forget everything (a reader's entry is given to another name)."""
        self._words[self._base + _USED] = 0

    def gaps(self, where: str, *, by_place: bool = False) -> tuple[Gap, ...]:
        """Return the losses in words; `by_place` takes the id noted beside the range as the first id."""
        return tuple(span.gap(where, first_id=span.at if by_place else None) for span in self.losses())

    def _record(self, number: int) -> int:
        """Return the offset of record `number`, counted from 1."""
        index = number - 1
        if index > self._entries:
            index = self._entries + ((index - self._entries) & 1)
        return self._base + _ENTRIES + index * layout.GAP_WORDS


def losses_in(stored: list[int]) -> tuple[Span, ...]:
    """Return the records of losses among those of which `GapTable.stored` returned the words."""
    starts = range(0, len(stored), layout.GAP_WORDS)
    spans = (_span(stored[start : start + layout.GAP_WORDS]) for start in starts)
    return tuple(span for span in spans if span.why is not Why.UNWANTED and span.count)


def _span(record: list[int]) -> Span:
    return Span(record[_FIRST], record[_END], record[_SKIPPED], Why(record[_WHY] or Why.MERGED), record[_AT])


def _sums(used: int, record: list[int]) -> Booked:
    length = (record[_END] - record[_FIRST] - record[_SKIPPED]) & _MASK
    lost, unwanted = record[_LOST_BEFORE], record[_UNWANTED_BEFORE]
    if record[_WHY] == Why.UNWANTED:
        unwanted += length
    else:
        lost += length
    return Booked(used, record[_END], lost, unwanted, last_is_loss=record[_LAST_WHY] != Why.UNWANTED)
