"""Where the beads lie in the field of view: at random, yet never closer than their rings allow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Distance of neighbours in sides of a ROI.
SPACING_PER_ROI = 1.4


@dataclass(frozen=True, slots=True)
class Field:
    """The part of a frame in which the centres of beads may lie.

    Attributes
    ----------
    width_px, height_px : int
        Size of the frame.
    margin_px : float
        Distance that a centre keeps from the frame's edge.
    spacing_px : float
        Distance that two centres keep from each other.
    """

    width_px: int
    height_px: int
    margin_px: float
    spacing_px: float

    @property
    def _free(self) -> tuple[float, float]:
        return self.width_px - 1 - 2 * self.margin_px, self.height_px - 1 - 2 * self.margin_px

    def _most(self) -> tuple[int, int]:
        columns, rows = (0 if free < 0 else int(free / self.spacing_px) + 1 for free in self._free)
        return columns, rows

    @property
    def capacity(self) -> int:
        """How many beads fit for certain."""
        columns, rows = self._most()
        return columns * rows

    def place(self, n_beads: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return the centres of `n_beads` beads, (n_beads, 2) as x_px, y_px.

        The field is divided into cells, of which some stay empty; a bead lies anywhere in its cell that
        keeps the distance to the neighbouring cells.
        """
        if n_beads == 0:
            return np.empty((0, 2))
        columns, rows = self._grid(n_beads)
        free_x, free_y = self._free
        cell_x, cell_y = (free_x + self.spacing_px) / columns, (free_y + self.spacing_px) / rows
        cells = rng.choice(columns * rows, n_beads, replace=False)
        jitter = rng.random((n_beads, 2))
        x = self.margin_px + (cells % columns) * cell_x + jitter[:, 0] * (cell_x - self.spacing_px)
        y = self.margin_px + (cells // columns) * cell_y + jitter[:, 1] * (cell_y - self.spacing_px)
        return np.column_stack([x, y])

    def _grid(self, n_beads: int) -> tuple[int, int]:
        """Return columns and rows of about 1.5 cells per bead where there is room for that."""
        most_columns, most_rows = self._most()
        free_x, free_y = self._free
        wanted = min(1.5 * n_beads, most_columns * most_rows)
        aspect = (free_x + self.spacing_px) / (free_y + self.spacing_px)
        columns = min(max(math.ceil(math.sqrt(wanted * aspect)), 1), most_columns)
        rows = min(max(math.ceil(wanted / columns), 1), most_rows)
        return (columns, rows) if columns * rows >= n_beads else (most_columns, most_rows)
