"""Checks of what a Z-LUT is made of: what passes can be saved, and is read back as it was."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.requests import as_array, is_finite, whole

MetadataValue = str | int | float | bool | None

_LARGEST_INT = 2**63 - 1


def real_numbers(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a new float64 array, or raise ValueError if the values are not an array of real numbers."""
    given = as_array(name, values)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be an array of real numbers, not {given.dtype}; convert it first")
    return given.astype(np.float64)


def frame_counts(values: npt.ArrayLike, n_planes: int) -> npt.NDArray[np.int64]:
    """Return the frames in each plane as a new array, zeros if there are no values, or raise ValueError."""
    given = as_array("counts", values)
    if not given.size:
        return np.zeros(n_planes, np.int64)
    if given.shape != (n_planes,):
        raise ValueError(
            f"counts has the shape {given.shape}, but there are {n_planes} planes; give one per plane"
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() > _LARGEST_INT:
        raise ValueError("counts must be whole numbers from 0 on, the frames in each plane; or leave it out")
    return given.astype(np.int64)


def positive(name: str, value: object) -> float | None:
    """Return a positive number or None, or raise ValueError."""
    if value is None:
        return None
    if not is_finite(value) or not value > 0:
        raise ValueError(
            f"{name} must be a finite number > 0, not {value!r}; leave it out if it is not known"
        )
    return float(value)


def edge_px(value: object) -> int | None:
    """Return the edge of the ROI or None, or raise ValueError."""
    if value is None:
        return None
    edge = whole(value)
    if edge is None or not 0 < edge <= _LARGEST_INT:
        raise ValueError(f"roi_px must be a whole number > 0, not {value!r}; leave it out if it is not known")
    return edge


def plain_metadata(metadata: object) -> dict[str, MetadataValue]:
    """Return metadata as a new dict without numpy's types, or raise ValueError if it cannot be saved."""
    if not isinstance(metadata, Mapping):
        raise ValueError(f"metadata must be a mapping of names to values, not {type(metadata).__name__}")
    plain: dict[str, MetadataValue] = {}
    for name, given in metadata.items():
        value = given.item() if isinstance(given, np.generic) else given
        is_plain = value is None or isinstance(value, str | int | float)
        if (
            not isinstance(name, str)
            or not is_plain
            or (isinstance(value, int) and abs(value) > _LARGEST_INT)
        ):
            raise ValueError(
                f"metadata[{name!r}] must be a text with a text, a number of at most 64 bits, True, False or "
                f"None by it, not {type(given).__name__}; leave it out"
            )
        plain[name] = value
    return plain
