"""The newest radial profile, for display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magscope_app.datatypes.block import Block
from magscope_app.datatypes.checks import real_number, real_numbers, same_sizes, whole_number, whole_sizes
from magscope_app.datatypes.closed import Closed
from magscope_app.datatypes.guard import LockLike
from magscope_app.datatypes.handle import Handle
from magscope_app.datatypes.locks import lock_of
from magscope_app.datatypes.session import Session
from magscope_app.datatypes.whole_record import WholeRecord

_KIND = 4
_META = 3


class LiveProfileBuffer(Handle):
    """Shared row (timestamp, bead id, profile length, samples …, NaN …) that is seen whole.

    Parameters
    ----------
    create : bool
    locks : mapping
        Must have an entry `name`; it serialises writers, readers take no lock.
    profile_capacity : int, optional
        Longest profile. Required when creating; when attaching, ValueError if it is another.
    name : str
    session : Session or str, optional
        Default: the session of this process.
    """

    def __init__(
        self,
        *,
        create: bool,
        locks: Mapping[str, LockLike],
        profile_capacity: int | None = None,
        name: str = "LiveProfileBuffer",
        session: Session | str | None = None,
    ) -> None:
        self.name = name
        self.lock = lock_of(locks, name)
        if create:
            sizes = whole_sizes(name, {"profile_capacity": profile_capacity})
            self.profile_capacity = sizes["profile_capacity"]
            geometry = (self.profile_capacity,)
            self._record = WholeRecord.create(_KIND, name, self._nbytes, geometry, self.lock, session)
            with self._record.block.building():
                self.clear()
                self._record.block.publish()
        else:
            block = Block.attach(_KIND, name, session)
            (self.profile_capacity,) = block.sizes(1)
            found = {"profile_capacity": self.profile_capacity}
            same_sizes(name, {"profile_capacity": profile_capacity}, found)
            self._record = WholeRecord(block, self._nbytes, self.lock)

    @property
    def _nbytes(self) -> int:
        return (_META + self.profile_capacity) * 8

    @property
    def shape(self) -> tuple[int, int]:
        """(1, 3 + profile_capacity)."""
        return 1, _META + self.profile_capacity

    def clear(self) -> None:
        """Make everything NaN."""
        self._store(np.full(self.shape[1], np.nan))

    def write_profile(self, timestamp: float, bead_id: int, profile: ArrayLike) -> None:
        """Store the newest profile.

        Parameters
        ----------
        timestamp : float
            Time of the profile, in the caller's unit.
        bead_id : int
        profile : array_like, shape (n,)
            n at most `profile_capacity`.

        Raises
        ------
        ValueError
            For a profile that is too long or not one-dimensional, or whose samples are no real numbers or
            would change in float64, and for a time or a bead that is none; then nothing changes.
        """
        samples = real_numbers(self.name, profile)
        at, bead = real_number("timestamp", timestamp), whole_number("bead_id", bead_id, 0, 2**53)
        if samples.ndim != 1 or len(samples) > self.profile_capacity:
            raise ValueError(
                f"a profile in {self.name} has one dimension and at most {self.profile_capacity} samples,"
                f" not the shape {samples.shape}"
            )
        row = np.full(self.shape[1], np.nan)
        row[:_META] = at, bead, len(samples)
        row[_META : _META + len(samples)] = samples
        self._store(row)

    def _store(self, row: NDArray[np.float64]) -> None:
        with self._record.guard:
            self._record.store(row.view(np.uint8))

    def peak_unsorted(self) -> NDArray[np.float64]:
        """Return a private whole copy of the row, shape `shape`; all NaN before the first profile."""
        return self._record.current().view(np.float64).reshape(self.shape)

    def close(self) -> None:
        """Detach, and remove the buffer if this handle created it; a second call does nothing."""
        if not isinstance(self._record, Closed):
            self._record.block.remove()
            self._record = cast("WholeRecord", Closed(self.name))

    def __del__(self) -> None:
        # A constructor that raised leaves nothing to close.
        if hasattr(self, "_record"):
            self.close()
