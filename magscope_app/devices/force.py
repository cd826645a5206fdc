"""Magnet height to force and back, from the model or the table of the config."""

from __future__ import annotations

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.config import ForceConfig
from magscope_app.devices.errors import LimitError
from magscope_app.devices.numbers import apart
from magscope_app.errors import MagscopeError

Floats = npt.NDArray[np.float64]
#: A force that was made from a height may miss the end of the table by this part.
_ROUNDING = 1e-9


class ForceCalibration(ABC):
    """Force as a function of magnet height: it falls with the height, so that each force has one height."""

    @property
    @abstractmethod
    def heights_mm(self) -> tuple[float, float]:
        """Lowest and highest height for which the force is known."""

    @abstractmethod
    def force_pn(self, height_mm: npt.ArrayLike) -> Floats:
        """Return the force at magnet heights of any shape; NaN where it is not known."""

    @abstractmethod
    def height_mm(self, force_pn: float) -> float:
        """Return the magnet height at which the force is `force_pn`.

        Raises
        ------
        LimitError
            There is no such height.
        """

    @abstractmethod
    def steepest_mm_per_pn(self, weakest_pn: float, strongest_pn: float) -> float:
        """Return how far the magnets move per force where that is most between two forces that they can give.

        Parameters
        ----------
        weakest_pn, strongest_pn : float
            The first below the second.
        """

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Return all that is needed to make it again, for a dataset."""

    def forces_pn(self, low_mm: float, high_mm: float) -> tuple[float, float]:
        """Return the weakest and the strongest force between two magnet heights.

        Raises
        ------
        LimitError
            Nothing is known there.
        """
        low, high = max(low_mm, self.heights_mm[0]), min(high_mm, self.heights_mm[1])
        if not low <= high:
            raise LimitError(
                f"the magnets go from {low_mm:g} to {high_mm:g} mm, where the force is not known; "
                "measure it there"
            )
        weakest, strongest = self.force_pn([high, low]).tolist()
        return weakest, strongest


class ExponentialForce(ForceCalibration):
    """force = f0 · exp(−height / decay), the fit that is usual for a pair of magnets.

    Lipfert, Hao and Dekker 2009 (Biophys. J. 96:5040) describe how well it holds.
    """

    def __init__(self, f0_pn: float, decay_mm: float) -> None:
        self._f0_pn = f0_pn
        self._decay_mm = decay_mm

    @property
    def heights_mm(self) -> tuple[float, float]:
        """Every height."""
        return -math.inf, math.inf

    def force_pn(self, height_mm: npt.ArrayLike) -> Floats:
        """Return the force at magnet heights."""
        forces: Floats = self._f0_pn * np.exp(-np.asarray(height_mm, np.float64) / self._decay_mm)
        return forces

    def height_mm(self, force_pn: float) -> float:
        """Return the magnet height for a force above 0."""
        _require_positive(force_pn)
        return -self._decay_mm * math.log(force_pn / self._f0_pn)

    def steepest_mm_per_pn(self, weakest_pn: float, strongest_pn: float) -> float:  # noqa: ARG002 - a table needs it
        """Return it at the weakest force."""
        return self._decay_mm / weakest_pn

    def description(self) -> dict[str, Any]:
        """Return the two numbers."""
        return {"f0_pn": self._f0_pn, "decay_mm": self._decay_mm}


class ForceTable(ForceCalibration):
    """Measured forces; between two heights the force is exponential.

    Parameters
    ----------
    heights_mm, forces_pn : sequence of float
        At least two of each, heights rising, forces falling and above 0.

    Raises
    ------
    MagscopeError
        They do not give one height for each force; the text names the rows.
    """

    def __init__(self, heights_mm: Sequence[float], forces_pn: Sequence[float]) -> None:
        _require_falling(heights_mm, forces_pn)
        self._heights = np.array(heights_mm, np.float64)
        self._logs = np.log(np.array(forces_pn, np.float64))
        self._forces = tuple(map(float, forces_pn))

    @property
    def heights_mm(self) -> tuple[float, float]:
        """First and last height of the table."""
        return float(self._heights[0]), float(self._heights[-1])

    def force_pn(self, height_mm: npt.ArrayLike) -> Floats:
        """Return the force at magnet heights; NaN beyond the table."""
        heights = np.asarray(height_mm, np.float64)
        logs = np.interp(heights, self._heights, self._logs, left=np.nan, right=np.nan)
        forces: Floats = np.exp(logs)
        return forces

    def height_mm(self, force_pn: float) -> float:
        """Return the magnet height for a force within the table."""
        _require_positive(force_pn)
        strongest, weakest = self._forces[0], self._forces[-1]
        if not weakest * (1.0 - _ROUNDING) <= force_pn <= strongest * (1.0 + _ROUNDING):
            force, low, high = apart(force_pn, weakest, strongest)
            raise LimitError(f"{force} pN is beyond the force table, which goes from {low} to {high} pN")
        return float(np.interp(-math.log(force_pn), -self._logs, self._heights))

    def steepest_mm_per_pn(self, weakest_pn: float, strongest_pn: float) -> float:
        """Return that of the steepest interval between both; in each it is most at the weak end."""
        decays_mm = np.diff(self._heights) / -np.diff(self._logs)
        high, low = self._forces[:-1], np.array(self._forces[1:])
        crossed = (low < strongest_pn) & (np.array(high) > weakest_pn)
        return float(np.max(decays_mm / np.maximum(low, weakest_pn), where=crossed, initial=0.0))

    def description(self) -> dict[str, Any]:
        """Return the rows."""
        return {"heights_mm": self._heights.tolist(), "forces_pn": list(self._forces)}


def force_calibration(force: ForceConfig | None) -> ForceCalibration | None:
    """Return how magnet height and force belong together in a config, or None where it does not say.

    Raises
    ------
    MagscopeError
        The table cannot be read, or is not a falling one.
    """
    if force is not None and force.table is not None:
        return read_force_table(force.table)
    if force is not None and force.model is not None:
        return ExponentialForce(force.model.f0_pn, force.model.decay_mm)
    return None


def calibration_from(description: Mapping[str, Any]) -> ForceCalibration:
    """Make a calibration from what `description` returned."""
    if "f0_pn" in description:
        return ExponentialForce(float(description["f0_pn"]), float(description["decay_mm"]))
    return ForceTable(description["heights_mm"], description["forces_pn"])


def read_force_table(path: Path) -> ForceTable:
    """Read a CSV file with the columns height_mm and force_pn, in any order of rows.

    Raises
    ------
    MagscopeError
        One sentence: what is wrong, in which rows, what would be right.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = sorted((float(row["height_mm"]), float(row["force_pn"])) for row in csv.DictReader(file))
    except OSError as error:
        raise MagscopeError(f"{path}: cannot be read ({error.strerror}); give a CSV file") from error
    except (KeyError, TypeError, ValueError) as error:
        what = f"no column {error}" if isinstance(error, KeyError) else str(error)
        raise MagscopeError(
            f"{path}: not a force table ({what}); give the columns height_mm and force_pn with a number in "
            "each row"
        ) from error
    try:
        return ForceTable([height for height, _ in rows], [force for _, force in rows])
    except MagscopeError as error:
        raise MagscopeError(f"{path}: {error}") from error


def _require_positive(force_pn: float) -> None:
    if not 0.0 < force_pn < math.inf:
        raise LimitError(f"a force of {force_pn:g} pN cannot be set; give one above 0")


def _require_falling(heights_mm: Sequence[float], forces_pn: Sequence[float]) -> None:
    rows = list(zip(heights_mm, forces_pn, strict=True))
    if len(rows) < 2:
        raise MagscopeError(f"the force table has {len(rows)} rows; give at least two")
    for height, force in rows:
        if not (math.isfinite(height) and 0.0 < force < math.inf):
            raise MagscopeError(
                f"the force table has {force:g} pN at {height:g} mm; give finite heights and forces above 0"
            )
    for (height, force), (higher, weaker) in pairwise(rows):
        if higher == height:
            raise MagscopeError(f"the force table has the height {height:g} mm twice; give each height once")
        if weaker >= force:
            raise MagscopeError(
                f"the force does not fall from {force:g} pN at {height:g} mm to {weaker:g} pN at "
                f"{higher:g} mm, so one force has several heights; smooth the table or leave rows out"
            )
