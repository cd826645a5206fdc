"""Numbers that a buffer is made with."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Below it a float64 is every whole number.
_EXACT = 2.0**53
#: Bytes from which on a type has numbers that float64 has not.
_LONG = {"b": 2, "i": 8, "u": 8, "f": 9}


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
    """Return a number as a float; ValueError for texts, arrays, None and what no float is equal to."""
    given = np.asarray(value)
    if given.shape or given.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a real number, not {value!r:.60}")
    return float(_exact(name, given))


def real_numbers(what: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return the values as float64.

    Raises
    ------
    ValueError
        For complex ones, texts and objects, which are no rows; for masked ones, and those that float64 would
        change.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{what} takes real numbers, not values of the type {given.dtype}")
    if np.ma.is_masked(values):
        raise ValueError(
            f"{what} takes numbers, and some of these are masked: fill them, with NaN or what fits"
        )
    return _exact(what, given)


def _exact(what: str, given: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        found = given.astype(np.float64, copy=False)
    # Only of these types float64 does not hold all.
    if given.dtype.itemsize >= _LONG[given.dtype.kind] and not is_same(given, found):
        raise ValueError(
            f"{what} takes numbers that float64 holds: whole ones beyond 2**53 and some of a longer type"
            " change"
        )
    return found


def is_same(given: NDArray[Any], stored: NDArray[Any]) -> bool:
    """Say whether numbers are what they were before they were stored in another type."""
    if given.dtype.kind == "f":
        return bool(np.array_equal(given, stored, equal_nan=True))
    # A comparison of arrays would take the whole numbers for floats, too.
    large = np.abs(stored) >= _EXACT
    return all(int(a) == int(b) for a, b in zip(given[large], stored[large], strict=True))


def timeout_ns(name: str, seconds: float) -> int:
    """Return a timeout in whole nanoseconds; ValueError when it is none, negative or not finite."""
    given = real_number(name, seconds)
    if not (math.isfinite(given) and 0 <= given < 1e9):
        raise ValueError(f"{name} must be a time in seconds from 0, not {seconds!r}")
    return round(given * 1e9)


def time_to_wait(name: str, seconds: float) -> float:
    """Return a time in seconds, which may be endless or less than 0; ValueError for what is none."""
    found = real_number(name, seconds)
    if math.isnan(found):
        raise ValueError(f"{name} must be a time in seconds, not {seconds!r}")
    return found


def yes_or_no(name: str, value: object) -> bool:
    """Return True or False; ValueError for what is neither."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, not {value!r:.60}")
    return bool(value)


def names_in_order(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names; ValueError for one text, which would be taken apart into letters."""
    if isinstance(names, str):
        raise ValueError(f"{what} is a tuple of names, not the text {names!r}")
    if not isinstance(names, Iterable):
        raise ValueError(f"{what} is a tuple of names, not {names!r:.60}")
    found = tuple(names)
    wrong = [name for name in found if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{what} is a tuple of names, {wrong[0]!r} is none")
    return found


def same_sizes(what: str, given: Mapping[str, object], found: Mapping[str, int]) -> None:
    """Raise ValueError, with both, where sizes were given that are not those found; None says nothing."""
    wrong = [
        f"{name} is {found[name]}, not {value!r:.60}"
        for name, value in given.items()
        if value is not None and _whole(value) != found[name]
    ]
    if wrong:
        raise ValueError(f"attaching to {what}: {'; '.join(wrong)}: leave the sizes out, or give the same")
