"""Whether each bead looks like its Z-LUT: asked once of every bead, and said in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT, ZLUTSet

#: A bead does not fit its Z-LUT if so many profiles, one after the other, do not.
_TRIES = 3
#: So many beads are named.
_MOST_NAMED = 8


class LutCheck:
    """Compares the profiles of beads with their Z-LUTs, one bead at a time.

    Parameters
    ----------
    tell : callable
        Takes the sentence about all beads that do not fit, when all were looked at.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._zlut: ZLUT | ZLUTSet | None = None
        self._tried: dict[int, int] = {}
        self._wrong: dict[int, str] = {}

    def due(self, ids: npt.NDArray[np.int64], zlut: ZLUT | ZLUTSet | None) -> int | None:
        """Return the bead whose profile is wanted next; None if all were looked at with these Z-LUTs."""
        if zlut is not self._zlut:
            self._zlut = zlut
            self._tried.clear()
            self._wrong.clear()
        for bead in ids.tolist():
            if self._tried.get(bead, 0) < _TRIES and self._lut(bead) is not None:
                return int(bead)
        self._end()
        return None

    def look(self, bead: int, profile: npt.NDArray[np.float32] | None) -> None:
        """Compare a bead's profile (n_radii,), NaN where not known; None: the bead was not seen."""
        if profile is None:
            self._tried[bead] = self._tried.get(bead, 0) + 1
            return
        lut = self._lut(bead)
        reasons = () if lut is None else lut.match(profile).reasons
        self._tried[bead] = self._tried.get(bead, 0) + 1 if reasons else _TRIES
        if not reasons:
            self._wrong.pop(bead, None)
        else:
            self._wrong[bead] = reasons[0]

    def _lut(self, bead: int) -> ZLUT | None:
        if isinstance(self._zlut, ZLUTSet):
            return self._zlut.get(bead, self._zlut.default)
        return self._zlut

    def _end(self) -> None:
        wrong, self._wrong = self._wrong, {}
        if wrong:
            named = ", ".join(str(bead) for bead in sorted(wrong)[:_MOST_NAMED])
            more = " and others" if len(wrong) > _MOST_NAMED else ""
            reason = wrong[min(wrong)]
            self._tell(
                f"{len(wrong)} of {len(self._tried)} beads may not belong to their Z-LUTs "
                f"(beads {named}{more}): {reason}"
            )
