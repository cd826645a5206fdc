"""Checks of what a caller wants tracked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def require_frames(frames: npt.NDArray[np.generic]) -> None:
    """Raise ValueError unless frames are (n_frames, height, width) of uint8 or uint16."""
    if not isinstance(frames, np.ndarray) or frames.ndim != 3:
        shape = getattr(frames, "shape", type(frames).__name__)
        raise ValueError(
            f"frames must be an array (n_frames, height, width), not {shape}; for one frame give frame[None]"
        )
    if frames.dtype != np.uint8 and frames.dtype != np.uint16:
        raise ValueError(f"frames must be uint8 or uint16, not {frames.dtype}; convert them first")


def require_rois(rois: npt.ArrayLike, roi_px: int, width: int, height: int) -> npt.NDArray[np.int64]:
    """Return the ROIs' corners as int64 (n_beads, 2), or raise ValueError if one is not inside the frame."""
    given = np.asarray(rois)
    if given.size == 0:
        return np.zeros((0, 2), np.int64)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise ValueError(
            f"rois must be integers (n_beads, 2) x0, y0, not {given.dtype} {given.shape}; round them first"
        )
    # Always a new array: a read-only one of the caller's would be another kernel to compile.
    corners = np.array(given, np.int64, order="C")
    inside = (corners >= 0) & (corners <= (width - roi_px, height - roi_px))
    if not inside.all():
        number = int(np.argmin(inside.all(axis=1)))
        x0, y0 = corners[number]
        raise ValueError(
            f"ROI {number} at x0 = {x0}, y0 = {y0} with {roi_px} px leaves the frame of {width} x "
            f"{height} px; move it inside or remove the bead"
        )
    return corners
