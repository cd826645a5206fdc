"""Compiled correction of ROIs by dark frame and flat field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel


@kernel
def correct_rois(
    frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    rois: npt.NDArray[np.int64],
    dark: npt.NDArray[np.float32],
    gain: npt.NDArray[np.float32],
    pedestal: float,
    ceiling: int,
    stack: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
) -> None:
    """Write the ROIs of each frame, one below the other, into `stack` (n, n_beads · size, size).

    A saturated pixel stays at the ceiling, others end at most one below.
    """
    size = stack.shape[2]
    added = np.float32(pedestal + 0.5)
    highest = np.float32(ceiling - 1)
    for number in range(len(frames)):
        for bead in range(len(rois)):
            x0, y0 = rois[bead, 0], rois[bead, 1]
            for row in range(size):
                source = frames[number, y0 + row]
                target = stack[number, bead * size + row]
                darkness = dark[y0 + row]
                gains = gain[y0 + row]
                for column in range(size):
                    value = source[x0 + column]
                    level = (np.float32(value) - darkness[x0 + column]) * gains[x0 + column] + added
                    level = min(max(level, np.float32(0)), highest)
                    target[column] = value if value >= ceiling else np.uint16(level)
