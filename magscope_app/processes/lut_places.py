"""Whether beads are where their Z-LUTs were made: a list that was found anew may have other numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT, ZLUTSet

#: So many beads are named.
_MOST_NAMED = 8
#: With fewer beads a common way cannot be told from a bead's own.
_COMMON_FROM = 3
Places = npt.NDArray[np.float64]


class LutPlaces:
    """Compares places of beads with those of their sweep, each bead once.

    A way that all beads have gone is the stage's, and no reason for doubt. Nothing is refused: a bead may
    have been moved, and z shows if its Z-LUT is a wrong one.

    Parameters
    ----------
    tell : callable
        Takes the sentence about the beads that are elsewhere.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._zluts: ZLUTSet | None = None
        self._known: set[int] = set()

    def look(
        self,
        zluts: ZLUT | ZLUTSet | None,
        ids: npt.NDArray[np.int64],
        corners: npt.NDArray[np.int64],
        roi_px: int,
    ) -> None:
        """Compare the beads that were not yet compared with these Z-LUTs; corners (n, 2) of their ROIs."""
        if not isinstance(zluts, ZLUTSet):
            return
        if zluts is not self._zluts:
            self._zluts = zluts
            self._known.clear()
        fresh = set(ids.tolist()) - self._known
        if not fresh:
            return
        self._known |= fresh
        then = _swept_at(zluts)
        listed = [place for place, bead in enumerate(ids.tolist()) if bead in then]
        if listed:
            beads = [int(ids[place]) for place in listed]
            now = corners[listed].astype(np.float64) + (roi_px - 1) / 2
            elsewhere = _elsewhere(beads, now, then, roi_px / 2)
            said = [text for bead, text in elsewhere.items() if bead in fresh]
            if said:
                self._say(said, len(beads))

    def _say(self, said: list[str], n_beads: int) -> None:
        more = " and others" if len(said) > _MOST_NAMED else ""
        self._tell(
            f"{len(said)} of {n_beads} beads are not where their Z-LUTs were made "
            f"({', '.join(said[:_MOST_NAMED])}{more}): with another bead's Z-LUT z is wrong; give the beads "
            "the numbers that they had in the sweep, or sweep again"
        )


def _swept_at(zluts: ZLUTSet) -> dict[int, Places]:
    """Return where each bead was when its Z-LUT was made, as far as that is known."""
    places = {bead: (zlut.metadata.get("x_px"), zlut.metadata.get("y_px")) for bead, zlut in zluts.items()}
    return {
        bead: np.array([x, y], np.float64)
        for bead, (x, y) in places.items()
        if isinstance(x, int | float) and isinstance(y, int | float)
    }


def _elsewhere(beads: list[int], now: Places, then: dict[int, Places], near_px: float) -> dict[int, str]:
    """Return the beads that are farther than `near_px` from their place, and what is to be said of each."""
    ways = now - np.stack([then[bead] for bead in beads])
    # Numbers that were mixed up make the median way meaningless: then the stage has not moved.
    common = [np.zeros(2)] + [np.median(ways, axis=0)] * (len(beads) >= _COMMON_FROM)
    away = min((np.hypot(*(ways - way).T) for way in common), key=lambda far: int((far > near_px).sum()))
    found = {}
    for bead, place, far in zip(beads, now, away, strict=True):
        if far > near_px:
            other = min(then, key=lambda one: float(np.hypot(*(then[one] - place))))
            is_there = other != bead and np.hypot(*(then[other] - place)) <= near_px
            found[bead] = f"bead {bead} is where bead {other} was" if is_there else f"bead {bead}"
    return found
