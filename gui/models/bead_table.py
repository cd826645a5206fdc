"""Rows of the bead table as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy.typing as npt
from numpy import float64

from gui.models.quantities import MISSING, number_text
from magscope_app.datatypes import TRACKS_COLUMNS
from magscope_app.messages import Bead

COLUMNS = ("bead", "for", "x (µm)", "y (µm)", "z (nm)", "σz (nm)", "quality")
TOOLTIPS = (
    "Number of the bead",
    "tethered, or reference for a bead stuck to the coverslip; right click changes it",
    "Position in the frame",
    "Position in the frame",
    "Height above the focal plane, positive away from the coverslip; – without a Z-LUT",
    "Uncertainty of z from the noise of the camera; – where it is not known",
    "0 to 1: how much of the image of the bead is understood",
)
_INDEX = {name: index for index, name in enumerate(TRACKS_COLUMNS)}


@dataclass(frozen=True, slots=True)
class BeadLine:
    """One line of the table."""

    bead_id: int
    texts: tuple[str, ...]


def bead_lines(beads: Mapping[int, Bead], latest: npt.NDArray[float64]) -> list[BeadLine]:
    """Return a line per bead of the list, with its newest row where there is one.

    Parameters
    ----------
    beads : mapping
        The bead list.
    latest : ndarray, (n, 13)
        Newest row of each bead.
    """
    rows = {int(row[_INDEX["bead_id"]]): row for row in latest}
    lines = []
    for bead_id, bead in beads.items():
        row = rows.get(bead_id)
        texts = (MISSING,) * 5 if row is None else _position_texts(row)
        lines.append(BeadLine(bead_id, (str(bead_id), bead.role, *texts)))
    return lines


def _position_texts(row: npt.NDArray[float64]) -> tuple[str, ...]:
    return (
        number_text(row[_INDEX["x_nm"]] / 1000, 3),
        number_text(row[_INDEX["y_nm"]] / 1000, 3),
        number_text(row[_INDEX["z_nm"]], 0),
        number_text(row[_INDEX["sigma_z_nm"]], 1),
        _quality_text(row[_INDEX["quality"]]),
    )


def _quality_text(quality: float) -> str:
    """Return 0 … 1, or what is missing: a bead without a Z-LUT has the quality -1."""
    return "no Z-LUT" if quality < 0 else number_text(quality, 3)
