"""Rows of the bead table: what is shown and what they are sorted by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy import float64

from gui.models.quantities import MISSING, number_text
from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.messages import Bead
from magscope_app.tracking.flags import REASONS, TrackFlag, worst_reason

COLUMNS = ("id", "for", "x (µm)", "y (µm)", "z (nm)", "σz (nm)", "qual.", "F (pN)", "state")
TOOLTIPS = (
    "Number of the bead",
    "tether(ed), or ref(erence) for a bead stuck to the coverslip; right click changes it",
    "Position in the frame",
    "Position in the frame",
    "Height above the focal plane, positive away from the coverslip; – without a Z-LUT",
    "Uncertainty of z from the noise of the camera; – where it is not known",
    "Quality, 0 to 1: how much of the image of the bead is understood",
    "Force on a tethered bead that follows from the height of the magnet; – where the config has no force",
    "What is known against its newest position: ✕ lost (not found), or △ no (Z-)LUT, at the edge of its ROI, "
    "out of the range of its Z-LUT, unlike its Z-LUT, overlap(ped) by a neighbour, satur(ated), no fit "
    "(qi stood in); else ✓ tracked, waiting for its first row, or how old it is",
)
_INDEX = {name: index for index, name in enumerate(TRACKS_COLUMNS)}
#: Worst first.
_WAITING, _TRACKED = "waiting", "tracked"
_STATES = (_WAITING, *REASONS, _TRACKED)
#: Nine columns stand side by side: words that need no more room than a number.
_SHORT = {
    _WAITING: "… waits",
    "lost": "✕ lost",
    "no Z-LUT": "△ no LUT",
    "at the edge": "△ edge",
    "out of Z-LUT": "△ range",
    "unlike Z-LUT": "△ unlike",
    "overlapped": "△ overlap",
    "saturated": "△ satur.",
    "not fitted": "△ no fit",
    _TRACKED: "✓ tracked",
}
_FOR = {"tethered": "tether", "reference": "ref"}


@dataclass(frozen=True, slots=True)
class BeadLine:
    """One line of the table: a text and a number to sort by for each column."""

    bead_id: int
    texts: tuple[str, ...]
    keys: tuple[float, ...]


def bead_lines(
    beads: Mapping[int, Bead], latest: npt.NDArray[float64], force_pn: float = math.nan, age: str = ""
) -> list[BeadLine]:
    """Return a line per bead of the list, with its newest row where there is one.

    Parameters
    ----------
    beads : mapping
        The bead list.
    latest : ndarray, (n, 14)
        Newest row of each bead.
    force_pn : float
        Force on tethered beads; NaN where it is not known.
    age : str
        How old the rows are, where they are old; stands in place of "tracked".
    """
    rows = {int(row[_INDEX["bead_id"]]): row for row in latest}
    return [_line(bead, rows.get(bead.id), force_pn, age) for bead in beads.values()]


@dataclass(frozen=True, slots=True)
class NewestRow:
    """Where a bead was in its newest frame, NaN where it is lost, and what is known against that."""

    x_nm: float
    reason: str


def newest_row(latest: npt.NDArray[float64], bead_id: int | None) -> NewestRow | None:
    """Return what the newest rows (n, 14) say of a bead, None where there is none of it."""
    mine = latest[latest[:, _INDEX["bead_id"]] == (-1 if bead_id is None else bead_id)]
    if not len(mine):
        return None
    return NewestRow(float(mine[-1, _INDEX["x_nm"]]), worst_reason(int(mine[-1, _INDEX["flags"]])))


def n_saturated(latest: npt.NDArray[float64]) -> int:
    """Return how many beads have a saturated pixel in their ROI, from their newest rows (n, 14)."""
    flags = np.nan_to_num(latest[:, _INDEX["flags"]]).astype(np.int64)
    return int(np.count_nonzero(flags & TrackFlag.SATURATED))


def _line(bead: Bead, row: npt.NDArray[float64] | None, force_pn: float, age: str) -> BeadLine:
    names = ("x_nm", "y_nm", "z_nm", "sigma_z_nm", "quality")
    x, y, z, sigma, quality = (math.nan,) * 5 if row is None else (float(row[_INDEX[n]]) for n in names)
    force = force_pn if bead.role == "tethered" else math.nan
    state = _WAITING if row is None else worst_reason(int(row[_INDEX["flags"]])) or _TRACKED
    texts = (
        str(bead.id),
        _FOR[bead.role],
        number_text(x / 1000, 3),
        number_text(y / 1000, 3),
        number_text(z, 0),
        number_text(sigma, 1),
        MISSING if quality < 0 else number_text(quality, 3),
        number_text(force, 2),
        f"{age} old" if age and row is not None else _SHORT[state],
    )
    keys = (bead.id, bead.role == "reference", x, y, z, sigma, quality, force, _STATES.index(state))
    return BeadLine(bead.id, texts, tuple(-math.inf if math.isnan(key) else float(key) for key in keys))
