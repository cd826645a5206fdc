"""Whether reference beads that should all move alike do so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
#: Fewest beads of which one can be told to be wrong.
_TO_TELL = 3


class Agreement:
    """Finds beads that move against the others, as one does that has come loose.

    Parameters
    ----------
    limit_nm : float
        So far from the median of all, in any direction, a bead is wrong; if more than half are not.
    patience : int
        A bead that is wrong in more frames than this, one after the other, is left out. It counts again after
        as many in which it is where most of all that are seen say, itself and others that are left out too.
    """

    def __init__(self, limit_nm: float, patience: int) -> None:
        self._limit_nm = limit_nm
        self._patience = patience
        #: Frames, one after the other, in which a bead was wrong; in which one that is left out was right.
        self._wrong_for: dict[int, int] = {}
        self._right_for: dict[int, int] = {}
        #: Frames, one after the other, in which nobody could tell which is wrong.
        self._unclear_for = 0
        self._now = ""
        self._said: dict[int, str] = {}

    @property
    def left_out(self) -> set[int]:
        """Beads that are left out."""
        return set(self._said)

    @property
    def is_unclear(self) -> bool:
        """Whether beads have disagreed for long, and none can be told to be the wrong one."""
        return self._unclear_for > self._patience

    @property
    def reason(self) -> str:
        """Say which beads disagree, or are left out; empty if all agree."""
        return "; ".join([*self._said.values(), *([self._now] if self._now else [])])

    def wrong(self, bead_ids: Sequence[int], moved_nm: Floats) -> Booleans:
        """Return which beads (n,) are not to be believed in a frame.

        Parameters
        ----------
        bead_ids : sequence of int
            The beads.
        moved_nm : ndarray (n, 3)
            How far each has moved; NaN where that is not known.
        """
        self._take_in_again(bead_ids, moved_nm)
        out = np.array([bead_id in self._said for bead_id in bead_ids], dtype=np.bool_)
        off_nm, there, can_tell = self._compare(np.where(out[:, np.newaxis], np.nan, moved_nm))
        wrong = there & (off_nm > self._limit_nm)
        self._unclear_for = self._unclear_for + 1 if wrong.any() and not can_tell else 0
        self._note(bead_ids, off_nm, there, can_tell=can_tell)
        return out | (wrong if can_tell or not wrong.any() else there)

    def _compare(self, moved_nm: Floats) -> tuple[Floats, Booleans, bool]:
        """Return how far beads (n,) are from the median, which are there, and if that tells who is wrong."""
        known = ~np.isnan(moved_nm)
        off_nm: Floats = np.zeros(len(moved_nm))
        for axis in np.flatnonzero(known.sum(axis=0) > 1):
            mine = known[:, axis]
            apart_nm = np.abs(moved_nm[mine, axis] - np.median(moved_nm[mine, axis]))
            # The median of two lies between them, and neither can be told to be the wrong one.
            off_nm[mine] = np.maximum(off_nm[mine], apart_nm * (2 if mine.sum() < _TO_TELL else 1))
        there: Booleans = np.any(known, axis=1, keepdims=False)
        n_right = int((there & (off_nm <= self._limit_nm)).sum())
        return off_nm, there, there.sum() >= _TO_TELL and 2 * n_right > there.sum()

    def _take_in_again(self, bead_ids: Sequence[int], moved_nm: Floats) -> None:
        """Count those again that are left out and have agreed for long with most of all."""
        if not self._said:
            return
        off_nm, there, can_tell = self._compare(moved_nm)
        for bead_id, is_there, apart_nm in zip(bead_ids, there, off_nm, strict=True):
            if bead_id in self._said and is_there:
                is_right = can_tell and apart_nm <= self._limit_nm
                self._right_for[bead_id] = self._right_for.get(bead_id, 0) + 1 if is_right else 0
                if self._right_for[bead_id] > self._patience:
                    del self._said[bead_id], self._right_for[bead_id]
                    self._wrong_for[bead_id] = 0

    def _note(self, bead_ids: Sequence[int], off_nm: Floats, there: Booleans, *, can_tell: bool) -> None:
        limit = f"more than {self._limit_nm:g} nm (drift.max_disagreement_nm)"
        wrong = there & (off_nm > self._limit_nm)
        self._now = ""
        if wrong.any() and not can_tell:
            names = " and ".join(
                str(bead_id) for bead_id, is_one in zip(bead_ids, wrong, strict=True) if is_one
            )
            self._now = (
                f"the beads disagree: {names} have moved {off_nm.max():.0f} nm against each other, {limit}; "
                "the drift is not known"
            )
            return
        for bead_id, is_there, is_wrong, apart_nm in zip(bead_ids, there, wrong, off_nm, strict=True):
            if not is_there:
                continue
            self._wrong_for[bead_id] = self._wrong_for.get(bead_id, 0) + 1 if is_wrong else 0
            said = f"bead {bead_id} has moved {apart_nm:.0f} nm against the others, {limit}, and is left out"
            if self._wrong_for[bead_id] > self._patience:
                self._said[bead_id] = said
            elif is_wrong:
                self._now = said
