"""Which beads there are and where, shared by all processes."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes.block import Block
from magscope_app.datatypes.checks import same_sizes, whole_sizes
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.handle import Handle
from magscope_app.datatypes.locks import lock_of
from magscope_app.datatypes.session import Session
from magscope_app.datatypes.whole_record import WholeRecord

_KIND = 3
_LARGEST = 2**32 - 1
Roi = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Table:
    """One version of the list, as arrays over its bytes."""

    raw: NDArray[np.uint8]
    capacity: int

    @property
    def max_id_plus_one(self) -> NDArray[np.uint64]:
        return self.raw[:8].view(np.uint64)

    @property
    def rois(self) -> NDArray[np.uint32]:
        return self.raw[8 : 8 + 16 * self.capacity].view(np.uint32).reshape(self.capacity, 4)

    @property
    def occupied(self) -> NDArray[np.bool_]:
        return self.raw[8 + 16 * self.capacity :].view(np.bool_)

    @property
    def ids(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.occupied)

    def put(self, beads: Mapping[int, Roi]) -> None:
        for bead, roi in beads.items():
            self.rois[bead] = roi
            self.occupied[bead] = True
        self.max_id_plus_one[0] = max(int(self.max_id_plus_one[0]), max(beads, default=-1) + 1)


class BeadRoiBuffer(Handle):
    """Shared table of bead ids and their regions of interest, ROI = (x0, x1, y0, y1) in pixels.

    Every change is seen whole and counts `version` up by one. Ids are smaller than `capacity`.

    Parameters
    ----------
    create : bool
    locks : mapping
        Must have an entry `name`; it serialises changes, readers take no lock.
    capacity : int, optional
        Number of possible ids. Required when creating; when attaching, ValueError if it is another.
    name : str
    session : Session or str, optional
        Default: the session of this process.
    """

    name = "BeadRoiBuffer"

    def __init__(
        self,
        *,
        create: bool,
        locks: Mapping[str, LockLike],
        capacity: int | None = None,
        name: str = "BeadRoiBuffer",
        session: Session | str | None = None,
    ) -> None:
        self.name = name
        self.lock = lock_of(locks, name)
        if create:
            self.capacity = whole_sizes(name, {"capacity": capacity})["capacity"]
            nbytes = 8 + 17 * self.capacity
            self._record = WholeRecord.create(_KIND, name, nbytes, (self.capacity,), self.lock, session)
            self._record.block.publish()
        else:
            block = Block.attach(_KIND, name, session)
            (self.capacity,) = block.sizes(1)
            same_sizes(name, {"capacity": capacity}, {"capacity": self.capacity})
            self._record = WholeRecord(block, 8 + 17 * self.capacity, self.lock)

    # Looking --------------------------------------------------------------------------------------

    def _table(self) -> _Table:
        return _Table(self._record.current(), self.capacity)

    @property
    def max_id_plus_one(self) -> int:
        """One more than the largest id used since the last clear, replace or reorder."""
        return int(self._table().max_id_plus_one[0])

    @property
    def active_count(self) -> int:
        """Number of beads."""
        return int(self._table().occupied.sum())

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return self._record.version

    def get_next_available_bead_id(self) -> int:
        """Return an id not used yet, `max_id_plus_one`; when it is `capacity`, the table is full."""
        return self.max_id_plus_one

    def get_beads(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the ids in ascending order, shape (n,), and their ROIs, shape (n, 4), both uint32."""
        table = self._table()
        ids = table.ids
        return ids.astype(np.uint32), table.rois[ids]

    # Changing -------------------------------------------------------------------------------------

    def replace_beads(self, value: Mapping[int, Roi]) -> None:
        """Make `value` the whole list. ValueError for ids or ROIs out of range; then nothing changes."""
        beads = self._checked(value)
        with self._record.guard:
            self._store_only(beads)

    def add_beads(self, value: Mapping[int, Roi]) -> None:
        """Add beads. ValueError when one exists already or is out of range; then nothing changes."""
        self._merge(self._checked(value), must_exist=False)

    def update_beads(self, value: Mapping[int, Roi]) -> None:
        """Move beads. ValueError when one does not exist or is out of range; then nothing changes."""
        self._merge(self._checked(value), must_exist=True)

    def _merge(self, beads: dict[int, Roi], *, must_exist: bool) -> None:
        with self._record.guard:
            table = self._table()
            wrong = sorted(bead for bead in beads if bool(table.occupied[bead]) is not must_exist)
            if wrong:
                raise ValueError(
                    f"{self.name}: beads {wrong} {'do not exist' if must_exist else 'exist already'}"
                )
            if beads:
                table.put(beads)
                self._record.store(table.raw)

    def remove_beads(self, ids: Iterable[int]) -> None:
        """Remove beads; ids that do not exist are ignored, ids out of range are a ValueError."""
        if not isinstance(ids, Iterable):
            raise ValueError(f"{self.name}: bead ids come in a list, {ids!r:.60} is none")
        checked = [self._checked_id(bead) for bead in ids]
        with self._record.guard:
            table = self._table()
            present = [bead for bead in checked if table.occupied[bead]]
            if present:
                table.occupied[present] = False
                table.rois[present] = 0
                self._record.store(table.raw)

    def clear_beads(self) -> None:
        """Remove all beads; ids start at 0 again."""
        with self._record.guard:
            self._store_only({})

    def reorder_beads(self) -> dict[int, int]:
        """Renumber the beads 0, 1, 2 … in the order of their ids; return {old: new}."""
        with self._record.guard:
            table = self._table()
            renamed = {int(old): new for new, old in enumerate(table.ids)}
            rois = {new: cast("Roi", tuple(table.rois[old].tolist())) for old, new in renamed.items()}
            self._store_only(rois)
        return renamed

    def _store_only(self, beads: Mapping[int, Roi]) -> None:
        table = _Table(np.zeros(8 + 17 * self.capacity, np.uint8), self.capacity)
        table.put(beads)
        self._record.store(table.raw)

    # Checking -------------------------------------------------------------------------------------

    def _checked(self, value: Mapping[int, Roi]) -> dict[int, Roi]:
        if not isinstance(value, Mapping):
            raise ValueError(f"{self.name}: beads are a mapping of ids to ROIs, which {value!r:.60} is not")
        return {self._checked_id(bead): self._checked_roi(bead, roi) for bead, roi in value.items()}

    def _checked_id(self, bead: int) -> int:
        number = _whole(self.name, bead)
        if not 0 <= number < self.capacity:
            raise ValueError(f"{self.name}: bead {number} is out of range, ids are 0 to {self.capacity - 1}")
        return number

    def _checked_roi(self, bead: int, roi: Roi) -> Roi:
        try:
            given = tuple(roi)
        except TypeError:
            given = ()
        numbers = tuple(_whole(self.name, number) for number in given)
        if len(numbers) != 4 or min(numbers) < 0 or max(numbers) > _LARGEST:
            raise ValueError(
                f"{self.name}: the ROI of bead {bead} must be four numbers x0, x1, y0, y1 from 0, not {roi}"
            )
        x0, x1, y0, y1 = numbers
        if x1 < x0 or y1 < y0:
            raise ValueError(f"{self.name}: the ROI of bead {bead} ends before it begins: {numbers}")
        return numbers

    # End ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Detach, and remove the buffer if this handle created it; a second call does nothing."""
        if not isinstance(self._record, Closed):
            self._record.block.remove()
            self._record = cast("WholeRecord", Closed(self.name))

    def __del__(self) -> None:
        # A constructor that raised leaves nothing to close.
        if hasattr(self, "_record"):
            self.close()


def _whole(name: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name}: bead ids and ROIs are whole numbers, {value!r} is none") from None
