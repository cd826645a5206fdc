"""Numbers that a buffer is made with."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray


def whole_sizes(what: str, sizes: Mapping[str, object]) -> dict[str, int]:
    """Return the sizes as integers.

    Raises
    ------
    ValueError
        Naming all that are missing, no whole numbers, or less than 1.
    """
    missing = [name for name, value in sizes.items() if value is None]
    if missing:
        raise ValueError(f"creating {what} needs {', '.join(missing)}")
    found = {name: _whole(value) for name, value in sizes.items()}
    wrong = [
        f"{name} must be a whole number of at least 1, not {sizes[name]!r}"
        for name, value in found.items()
        if value is None or value < 1
    ]
    if wrong:
        raise ValueError(f"creating {what}: {'; '.join(wrong)}")
    return {name: value for name, value in found.items() if value is not None}


def _whole(value: object) -> int | None:
    try:
        return None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None


def whole_number(name: str, value: object, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`; ValueError for anything else."""
    found = _whole(value)
    if found is None or not least <= found <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r:.60}")
    return found


def real_number(name: str, value: float) -> float:
    """Return a number as a float; ValueError for texts, arrays, None and what is beyond all floats."""
    given = np.asarray(value)
    if given.shape or given.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a real number, not {value!r:.60}")
    return float(given)


def real_numbers(what: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return the values as float64; ValueError for complex ones, texts and objects, which are no rows."""
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{what} takes real numbers, not values of the type {given.dtype}")
    return given.astype(np.float64, copy=False)


def timeout_ns(name: str, seconds: float) -> int:
    """Return a timeout in whole nanoseconds; ValueError when it is negative or not finite."""
    if not (math.isfinite(seconds) and 0 <= seconds < 1e9):
        raise ValueError(f"{name} must be a time in seconds from 0, not {seconds!r}")
    return round(seconds * 1e9)


def names_in_order(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names; ValueError for one text, which would be taken apart into letters."""
    if isinstance(names, str):
        raise ValueError(f"{what} is a tuple of names, not the text {names!r}")
    found = tuple(names)
    wrong = [name for name in found if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{what} is a tuple of names, {wrong[0]!r} is none")
    return found
