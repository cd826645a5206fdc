"""The three kinds of reader, and what can be said about one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn


class ReaderMode(IntEnum):
    """How a named reader and the writer treat each other.

    LOSSLESS: the writer refuses new frames rather than overwrite one that this reader has not released, as
    long as the reader lives and beats. OVERWRITE: may be lapped; what it missed is counted. NEWEST: only
    looks at the newest.
    """

    LOSSLESS = 1
    OVERWRITE = 2
    NEWEST = 3

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise ValueError(f"a reader's mode is ReaderMode.LOSSLESS, OVERWRITE or NEWEST, not {value!r}")


@dataclass(frozen=True, slots=True)
class ReaderCounters:
    """Counts of one reader since it first registered; ``got + lost == cursor`` always.

    Attributes
    ----------
    cursor : int
        Frames (or rows) that it is done with, those it skipped by its own wish (``start="newest"``) not
        counted.
    got : int
        Distinct ones that it received whole. ``reader.counters`` counts them itself, batch by batch; for
        other handles and processes it is what the cursor passed without a loss.
    lost : int
        Ones that it never received.
    torn : int
        Times that something was found overwritten while in use. Such data are never returned as valid; for a
        reader with a cursor they are in `lost` too.
    position : int
        Where it stands in the ring: 0, 1, 2 … without the frames that the ring refused.
    """

    cursor: int
    got: int
    lost: int
    torn: int
    position: int


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """What the supervisor sees of one reader.

    Attributes
    ----------
    name : str
    mode : ReaderMode
    pid : int
        0 when it was closed.
    alive : bool
        Its process runs.
    pinned : bool
        The writer waits for it (lossless and not unpinned).
    level : float
        Fraction of the ring that it has not read yet.
    beat_age_s : float
        Seconds since its last sign of life.
    counters : ReaderCounters
    overdue : int
        How many it has not read and cannot read any more: they are overwritten. It counts them as lost when
        it goes on; in the ledger they stand already. (A batch that it holds and has validated counts as got.)
    """

    name: str
    mode: ReaderMode
    pid: int
    alive: bool
    pinned: bool
    level: float
    beat_age_s: float
    counters: ReaderCounters
    overdue: int


@dataclass(frozen=True, slots=True)
class RowCounters:
    """Counts of a whole matrix buffer, in rows.

    Attributes
    ----------
    written : int
        Rows published. Refused ones get no number.
    refused : int
        Rows of writes that raised BufferOverflow.
    lost_shared : int
        Rows that ``read()``, the cursor which all handles share, found overwritten.
    readers : tuple of ReaderStatus
    """

    written: int
    refused: int
    lost_shared: int
    readers: tuple[ReaderStatus, ...]


@dataclass(frozen=True, slots=True)
class RingCounters:
    """Counts of a whole ring: camera numbers seen = acquired + lost_upstream + lost_ring.

    Attributes
    ----------
    acquired : int
        Frames published (the head).
    next_frame_id : int
        ``acquired + lost_ring``: a refused frame takes an id but no place in the ring.
    lost_ring : int
        Frames that arrived and were refused because the ring was full.
    lost_upstream : int
        Frames that the camera counted and we never saw.
    level : float
        Fraction of the ring that the slowest lossless reader has not read yet.
    readers : tuple of ReaderStatus
    """

    acquired: int
    next_frame_id: int
    lost_ring: int
    lost_upstream: int
    level: float
    readers: tuple[ReaderStatus, ...]
