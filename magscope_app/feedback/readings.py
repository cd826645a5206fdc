"""Bead rows sorted into frames, for a few beads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import TRACKS_COLUMNS

Floats = npt.NDArray[np.float64]
COLUMN = {name: index for index, name in enumerate(TRACKS_COLUMNS)}
_FRAME, _TIME, _FOCUS, _BEAD = (COLUMN[name] for name in ("frame_id", "t_ns", "focus_nm", "bead_id"))


@dataclass(frozen=True, slots=True)
class Reading:
    """One bead in one frame; NaN where not known.

    Attributes
    ----------
    x_nm, y_nm, z_nm : float
        Where it is; z relative to the focal plane.
    sigma_z_nm : float
        Uncertainty of z.
    quality : float
        0 to 1, of the tracker; -1 without a Z-LUT.
    """

    x_nm: float
    y_nm: float
    z_nm: float
    sigma_z_nm: float
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What is known of one frame.

    Attributes
    ----------
    frame_id : int
        Its number.
    t_ns : float
        End of its exposure, ns since session start.
    focus_nm : float
        Where the focus was; NaN if not known.
    beads : dict of int to Reading
        By bead id.
    """

    frame_id: int
    t_ns: float
    focus_nm: float
    beads: dict[int, Reading]


def frames_of(rows: Floats, bead_ids: Collection[int]) -> Iterator[Frame]:
    """Yield every frame in rows (n, 14) of TRACKS_COLUMNS, with the readings of some beads.

    A frame in which none of them was tracked comes without readings.
    """
    starts = np.flatnonzero(np.diff(rows[:, _FRAME], prepend=-1.0))
    wanted = np.isin(rows[:, _BEAD], list(bead_ids))
    for begin, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        mine = rows[begin:end][wanted[begin:end]]
        beads = {int(row[_BEAD]): _reading(row) for row in mine}
        first = rows[begin]
        yield Frame(int(first[_FRAME]), float(first[_TIME]), float(first[_FOCUS]), beads)


def _reading(row: Floats) -> Reading:
    names = ("x_nm", "y_nm", "z_nm", "sigma_z_nm", "quality")
    return Reading(*(float(row[COLUMN[name]]) for name in names))
