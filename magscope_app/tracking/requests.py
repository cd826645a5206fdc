"""Checks of what a caller wants tracked."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

MIN_ROI_PX, MAX_ROI_PX = 16, 256
_LAST_ID = 2**63 - 1


def require_frames(frames: npt.NDArray[np.generic]) -> None:
    """Raise ValueError unless frames are (n_frames, height, width) of uint8 or uint16."""
    if not isinstance(frames, np.ndarray) or frames.ndim != 3:
        shape = getattr(frames, "shape", type(frames).__name__)
        raise ValueError(
            f"frames must be an array (n_frames, height, width), not {shape}; for one frame give frame[None]"
        )
    if frames.dtype != np.uint8 and frames.dtype != np.uint16:
        raise ValueError(f"frames must be uint8 or uint16, not {frames.dtype}; convert them first")


def contiguous(frames: Frames) -> Frames:
    """Return frames row by row in memory: another order would be other kernels to compile."""
    return frames if frames.flags.c_contiguous else frames.copy(order="C")


def require_roi_px(roi_px: float) -> int:
    """Return the edge of a ROI as int, or raise ValueError."""
    edge = whole(roi_px)
    if edge is None or not MIN_ROI_PX <= edge <= MAX_ROI_PX:
        raise ValueError(f"roi_px must be {MIN_ROI_PX}..{MAX_ROI_PX} and whole, not {roi_px!r}")
    return edge


def require_saturation_dn(saturation_dn: object) -> int | None:
    """Return the grey level at which a camera clips as int, None as it is, or raise ValueError."""
    if saturation_dn is None:
        return None
    level = whole(saturation_dn)
    if level is None or level < 1:
        raise ValueError(
            f"saturation_dn must be a whole number from 1 on, not {saturation_dn!r}; leave it out if it is "
            "not known"
        )
    return level


def whole(value: object) -> int | None:
    """Return a whole number, of whatever type, as int; None if the value is none."""
    if type(value) is not bool and isinstance(value, Integral):
        return int(value)
    if not is_finite(value) or float(value) != int(value):
        return None
    return int(value)


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def require_ids(bead_ids: npt.ArrayLike, n_beads: int) -> npt.NDArray[np.int64]:
    """Return the beads' ids as int64 (n_beads,), or raise ValueError."""
    ids = as_array("bead_ids", bead_ids)
    if ids.shape != (n_beads,):
        raise ValueError(
            f"bead_ids has the shape {ids.shape}, but there are {n_beads} ROIs; give one id per ROI"
        )
    if n_beads and ids.dtype.kind not in "iu":
        raise ValueError(f"bead_ids must be whole numbers, not {ids.dtype}; give the ids of the Z-LUTs")
    if n_beads and ids.max() > _LAST_ID:
        raise ValueError(f"bead_ids must be below 2**63, not {ids.max()}; give the ids of the Z-LUTs")
    return ids.astype(np.int64)


def require_rois(rois: npt.ArrayLike, roi_px: int, width: int, height: int) -> npt.NDArray[np.int64]:
    """Return the ROIs' corners as int64 (n_beads, 2), or raise ValueError if one is not inside the frame."""
    given = as_array("rois", rois)
    if given.size == 0:
        return np.zeros((0, 2), np.int64)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise ValueError(
            f"rois must be integers (n_beads, 2) x0, y0, not {given.dtype} {given.shape}; round them first"
        )
    inside = (given >= 0) & (given <= np.array([width - roi_px, height - roi_px]))
    if not inside.all():
        number = int(np.argmin(inside.all(axis=1)))
        x0, y0 = given[number]
        raise ValueError(
            f"ROI {number} at x0 = {x0}, y0 = {y0} with {roi_px} px leaves the frame of {width} x "
            f"{height} px; move it inside or remove the bead"
        )
    # Always a new array: a read-only one of the caller's would be another kernel to compile.
    return np.array(given, np.int64, order="C")


def as_array(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return what numpy makes of the values, or raise ValueError if it is no array."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no array ({error}); give rows of equal length") from error
