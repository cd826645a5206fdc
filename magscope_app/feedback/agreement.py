"""Whether reference beads that should all move alike do so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Fewest beads of which one can be told to be wrong, and of which two must agree.
_TO_TELL, _TO_AGREE = 3, 2


class Agreement:
    """Finds beads that move against the others, as one does that has come loose.

    Parameters
    ----------
    limit_nm : float
        So far from the median of all, in any direction, a bead is wrong.
    patience : int
        A bead that is wrong in more frames than this, one after the other, is left out for good.
    """

    def __init__(self, limit_nm: float, patience: int) -> None:
        self._limit_nm = limit_nm
        self._patience = patience
        self._wrong_for: dict[int, int] = {}
        #: Frames, one after the other, in which nobody could tell which is wrong.
        self._unclear_for = 0
        self._now = ""
        self._said: dict[int, str] = {}

    @property
    def left_out(self) -> set[int]:
        """Beads that are left out for good."""
        return set(self._said)

    @property
    def is_unclear(self) -> bool:
        """Whether beads have disagreed for long, and none can be told to be the wrong one."""
        return self._unclear_for > self._patience

    @property
    def reason(self) -> str:
        """Say which beads disagree, or are left out; empty if all agree."""
        return "; ".join([*self._said.values(), *([self._now] if self._now else [])])

    def wrong(self, bead_ids: Sequence[int], moved_nm: Floats) -> npt.NDArray[np.bool_]:
        """Return which beads (n,) are not to be believed in a frame.

        Parameters
        ----------
        bead_ids : sequence of int
            The beads.
        moved_nm : ndarray (n, 3)
            How far each has moved; NaN where that is not known.
        """
        known = ~np.isnan(moved_nm)
        off_nm: Floats = np.zeros(len(bead_ids))
        for axis in np.flatnonzero(known.sum(axis=0) >= _TO_AGREE):
            mine = known[:, axis]
            apart_nm = np.abs(moved_nm[mine, axis] - np.median(moved_nm[mine, axis]))
            # The median of two lies between them, and neither can be told to be the wrong one.
            off_nm[mine] = np.maximum(off_nm[mine], apart_nm * (2 if mine.sum() < _TO_TELL else 1))
        wrong: npt.NDArray[np.bool_] = np.greater(off_nm, self._limit_nm)
        there: npt.NDArray[np.bool_] = np.any(known, axis=1, keepdims=False)
        can_tell = there.sum() >= _TO_TELL and (there & ~wrong).sum() >= _TO_AGREE
        self._unclear_for = self._unclear_for + 1 if wrong.any() and not can_tell else 0
        self._note(bead_ids, off_nm, wrong, can_tell=bool(can_tell))
        return wrong if can_tell or not wrong.any() else there

    def _note(
        self, bead_ids: Sequence[int], off_nm: Floats, wrong: npt.NDArray[np.bool_], *, can_tell: bool
    ) -> None:
        limit = f"more than {self._limit_nm:g} nm (drift.max_disagreement_nm)"
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
        for bead_id, is_wrong, apart_nm in zip(bead_ids, wrong, off_nm, strict=True):
            self._wrong_for[bead_id] = self._wrong_for.get(bead_id, 0) + 1 if is_wrong else 0
            said = f"bead {bead_id} has moved {apart_nm:.0f} nm against the others, {limit}, and is left out"
            if self._wrong_for[bead_id] > self._patience:
                self._said[bead_id] = said
            elif is_wrong:
                self._now = said
