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
    """Compares places of beads with those of their sweep: at first, and when a ROI was put elsewhere.

    Elsewhere is farther than half a ROI at once or in small steps, so that other numbers are told as well as
    a bead that was moved. A way that all beads have gone is the stage's, and no reason for doubt. Nothing is
    refused: a bead may have been moved, and z shows if its Z-LUT is a wrong one.

    Parameters
    ----------
    tell : callable
        Takes the sentence about the beads that are elsewhere.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._zluts: ZLUTSet | None = None
        self._corners: npt.NDArray[np.int64] | None = None
        #: Where each bead was when it was compared, and what was said of it.
        self._compared: dict[int, Places] = {}
        self._said: dict[int, str] = {}

    def look(
        self,
        zluts: ZLUT | ZLUTSet | None,
        ids: npt.NDArray[np.int64],
        corners: npt.NDArray[np.int64],
        roi_px: int,
    ) -> None:
        """Compare the beads that are new or elsewhere.

        Parameters
        ----------
        zluts : ZLUT, ZLUTSet or None
            Beads are tracked with them.
        ids, corners : ndarray (n,), (n, 2)
            The beads and their ROIs; where something has changed, the corners are another array.
        roi_px : int
            Side of the ROIs.
        """
        if not isinstance(zluts, ZLUTSet) or (zluts is self._zluts and corners is self._corners):
            return
        if zluts is not self._zluts:
            self._compared.clear()
            self._said.clear()
        self._zluts, self._corners = zluts, corners
        then, near_px = _swept_at(zluts), roi_px / 2
        places = corners.astype(np.float64) + (roi_px - 1) / 2
        now = {bead: place for bead, place in zip(ids.tolist(), places, strict=True) if bead in then}
        fresh = {bead for bead, place in now.items() if not self._is_compared(bead, place, near_px)}
        if not fresh:
            return
        self._compared |= {bead: now[bead] for bead in fresh}
        elsewhere = _elsewhere(list(now), np.stack(list(now.values())), then, near_px)
        said = [text for bead, text in elsewhere.items() if bead in fresh and text != self._said.get(bead)]
        kept = {bead: text for bead, text in self._said.items() if bead not in fresh}
        self._said = kept | {bead: text for bead, text in elsewhere.items() if bead in fresh}
        if said:
            self._say(said, len(now))

    def _is_compared(self, bead: int, place: Places, near_px: float) -> bool:
        return bead in self._compared and bool(np.hypot(*(place - self._compared[bead])) <= near_px)

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
