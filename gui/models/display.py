"""How grey levels become colours: what the user has chosen, and what follows for a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gui.models.picture import Levels, auto_levels, colour_table, exact_levels, full_levels

LevelMode = Literal["auto", "full", "exact", "manual"]


@dataclass
class Display:
    """Levels and colours of the live image.

    Attributes
    ----------
    mode : LevelMode
        "auto": the frame's contrast, steady; "full": all the camera can say; "exact": darkest to brightest
        pixel; "manual": as set by `set_levels`.
    colours : str
        One of `gui.models.picture.COLOUR_MAPS`.
    levels : Levels or None
        In use; None before the first frame.
    """

    mode: LevelMode = "auto"
    colours: str = "grey"
    levels: Levels | None = None
    _table: npt.NDArray[np.uint32] | None = None
    _made_for: tuple[object, ...] = ()

    def set_mode(self, mode: LevelMode) -> None:
        """Choose how levels are found."""
        self.mode = mode
        self.levels = self.levels if mode == "manual" else None

    def set_levels(self, low: float, high: float) -> None:
        """Choose the levels by hand; white lies at least one grey level above black."""
        self.mode, self.levels = "manual", Levels(low, max(high, low + 1.0))

    def adapt(self, image: npt.NDArray[Any], bits: int) -> None:
        """Find the levels for a frame."""
        if self.mode == "auto":
            self.levels = auto_levels(image, self.levels)
        elif self.mode == "exact":
            self.levels = exact_levels(image)
        elif self.mode == "full" or self.levels is None:
            self.levels = full_levels(bits)

    def table(self, image: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint32]:
        """Return the colour of every grey level of a frame; the same object while nothing changes."""
        if self.levels is None:
            self.adapt(image, bits)
        assert self.levels is not None
        wanted = (self.levels, image.dtype, self.colours, bits)
        if self._table is None or wanted != self._made_for:
            self._table, self._made_for = colour_table(self.levels, image.dtype, self.colours, bits), wanted
        return self._table
