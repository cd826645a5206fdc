"""Compiled copying of ROIs out of the frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.flags import TrackFlag

_SATURATED = int(TrackFlag.SATURATED)


@kernel
def copy_rois(
    frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    rois: npt.NDArray[np.int64],
    first: int,
    count: int,
    ceiling: int,
    size: int,
    pixels: npt.NDArray[np.float32],
    flags: npt.NDArray[np.uint8],
    clipped: npt.NDArray[np.float64],
) -> None:
    """Copy `count` ROIs, numbered from `first`, into `pixels` (count, size²) and flag saturated ones.

    `clipped` (count,) gets the share of their pixels that is saturated.
    """
    n_beads = rois.shape[0]
    for slot in range(count):
        number = first + slot
        frame = frames[number // n_beads]
        x0 = rois[number % n_beads, 0]
        y0 = rois[number % n_beads, 1]
        target = pixels[slot]
        highest = frame[y0, x0]
        for row in range(size):
            source = frame[y0 + row]
            start = row * size
            for column in range(size):
                value = source[x0 + column]
                highest = max(highest, value)
                target[start + column] = np.float32(value)
        flags[number] = _SATURATED if highest >= ceiling else 0
        clipped[slot] = 0.0
        if highest >= ceiling:
            for at in range(size * size):
                clipped[slot] += target[at] >= ceiling
            clipped[slot] /= size * size
