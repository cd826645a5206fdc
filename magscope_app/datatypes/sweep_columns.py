"""The columns of a Z-LUT sweep, and what a preview shows of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magscope_app.datatypes.checks import is_same


@dataclass(frozen=True, slots=True)
class Column:
    """Type of a column and what stands in it before it is written."""

    dtype: type[np.generic]
    empty: float


COLUMNS = {
    "bead_ids": Column(np.uint32, 0),
    "step_indices": Column(np.uint32, 0),
    "timestamps": Column(np.float64, math.nan),
    "motor_z_values": Column(np.float64, math.nan),
    "valid_flags": Column(np.uint8, 0),
    "profiles": Column(np.float64, math.nan),
}


def _aligned(nbytes: int) -> int:
    return -(-nbytes // 64) * 64


def _column_bytes(name: str, capacity: int, profile_length: int) -> int:
    width = profile_length if name == "profiles" else 1
    return capacity * width * np.dtype(COLUMNS[name].dtype).itemsize


def columns_nbytes(capacity: int, profile_length: int) -> int:
    """Return the bytes that all columns take."""
    return sum(_aligned(_column_bytes(name, capacity, profile_length)) for name in COLUMNS)


def column_arrays(data: NDArray[np.uint8], capacity: int, profile_length: int) -> dict[str, NDArray[Any]]:
    """Return each column as an array over `data`."""
    arrays: dict[str, NDArray[Any]] = {}
    offset = 0
    for name, column in COLUMNS.items():
        nbytes = _column_bytes(name, capacity, profile_length)
        values = data[offset : offset + nbytes].view(column.dtype)
        arrays[name] = values.reshape(capacity, profile_length) if name == "profiles" else values
        offset += _aligned(nbytes)
    return arrays


def as_stored(dataset: str, name: str, value: ArrayLike) -> NDArray[Any]:
    """Return values for a column in its type; ValueError where one would become another number."""
    given, dtype = np.asarray(value), np.dtype(COLUMNS[name].dtype)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{dataset}: {name} must be real numbers, not {given.dtype}")
    if np.ma.is_masked(value):
        raise ValueError(f"{dataset}: some of {name} are masked, which is no number: fill them")
    if dtype.kind == "u" and given.size:
        largest = np.iinfo(dtype).max
        inside = bool(np.all((given >= 0) & (given <= largest)))
        if not inside or (given.dtype.kind == "f" and bool(np.any(given % 1))):
            raise ValueError(f"{dataset}: {name} must be whole numbers from 0 to {largest}")
    with np.errstate(over="ignore"):
        stored = given.astype(dtype)
    if dtype.kind == "f" and not is_same(given, stored):
        raise ValueError(
            f"{dataset}: {name} must be numbers that {dtype} holds: whole ones beyond 2**53 change"
        )
    return stored


def preview(rows: Mapping[str, NDArray[Any]], selected_bead_id: int | None) -> dict[str, object]:
    """Return the part of a preview that depends on the rows: those of one bead, valid or not.

    When the selected bead has no row, the first one that has is taken.
    """
    available = [int(bead) for bead in np.unique(rows["bead_ids"])]
    wanted = (bead for bead in available if bead == selected_bead_id)
    selected = next(wanted, next(iter(available), None))
    chosen = rows["bead_ids"] == selected
    heights = rows["motor_z_values"][np.isfinite(rows["motor_z_values"])]
    return {
        "available_bead_ids": available,
        "selected_bead_id": selected,
        "motor_z_min": float(heights.min()) if len(heights) else None,
        "motor_z_max": float(heights.max()) if len(heights) else None,
        "step_indices": rows["step_indices"][chosen],
        "motor_z_values": rows["motor_z_values"][chosen],
        "profiles": rows["profiles"][chosen],
    }
