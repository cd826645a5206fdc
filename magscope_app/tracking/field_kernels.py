"""Compiled correction of ROIs by dark frame and flat field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel


@kernel
def correct_rois(
    frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    rois: npt.NDArray[np.int64],
    margin: int,
    dark: npt.NDArray[np.float32],
    gain: npt.NDArray[np.float32],
    pedestal: float,
    limit: int,
    saturated: int,
    stack: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
) -> None:
    """Write the ROIs of each frame with a margin, as tiles one below the other, into `stack`.

    `stack` is (n, n_beads · tile, tile) with tile = ROI + 2 · margin; what of a tile lies outside the frame
    is not written. The gains of a ROI are taken relative to their mean in it. A pixel that reaches `limit`,
    or that the correction lifts to `saturated`, becomes `saturated`.
    """
    tile = stack.shape[2]
    size = tile - 2 * margin
    added, top, clipped = np.float32(pedestal + 0.5), np.float32(saturated), np.float32(limit)
    for bead in range(len(rois)):
        x0, y0 = rois[bead, 0], rois[bead, 1]
        total = 0.0
        for row in range(y0, y0 + size):
            for column in range(x0, x0 + size):
                total += gain[row, column]
        scale = np.float32(size * size / total)
        left, right = max(x0 - margin, 0), min(x0 + size + margin, frames.shape[2])
        shift = margin - x0
        for row in range(max(y0 - margin, 0), min(y0 + size + margin, frames.shape[1])):
            darkness, gains = dark[row, left:right], gain[row, left:right]
            at = bead * tile + row - y0 + margin
            for number in range(len(frames)):
                source = frames[number, row, left:right]
                target = stack[number, at, left + shift : right + shift]
                # One type throughout and unsigned indices: only then are whole vectors computed.
                for column in range(right - left):
                    k = np.uint64(column)
                    value = np.float32(source[k])
                    level = (value - darkness[k]) * (gains[k] * scale) + added
                    level = min(max(level, np.float32(0)), top)
                    target[k] = np.int32(level if value < clipped else top)
