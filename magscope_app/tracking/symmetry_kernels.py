"""Compiled judgement of bead candidates: how much of a ROI's light is rings around its centre."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

#: The ROI is judged in so many equal sectors, too: a neighbour lies in one or two of them.
N_SECTORS = 8


@kernel
def judge(
    frame: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    centres: npt.NDArray[np.float64],
    roi_px: int,
    verdicts: npt.NDArray[np.float64],
) -> None:
    """Write variance, variance that no ring explains, and its mean in the worst sector (n, 3), all in DN².

    A centre needs its whole ROI inside the frame. The disc that fits into the ROI is judged. The rings are
    the mean over all angles, linear between whole radii.
    """
    rings = np.empty((2, roi_px))
    sectors = np.empty((2, N_SECTORS))
    for number in range(len(centres)):
        x, y = centres[number, 0], centres[number, 1]
        verdicts[number, 0] = _mean_rings(frame, x, y, roi_px, rings)
        _add_rest(frame, x, y, roi_px, rings[0], sectors)
        verdicts[number, 1] = sectors[0].sum() / sectors[1].sum()
        verdicts[number, 2] = (sectors[0] / np.maximum(sectors[1], 1)).max()


@kernel
def _mean_rings(
    frame: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    x: float,
    y: float,
    roi_px: int,
    rings: npt.NDArray[np.float64],
) -> float:
    """Write the mean grey level at the radii 0, 1, 2 … px into `rings[0]`; return the disc's variance."""
    rings[:] = 0
    x0, y0 = round(x - (roi_px - 1) / 2), round(y - (roi_px - 1) / 2)
    total, squares, count = 0.0, 0.0, 0
    for row in range(y0, y0 + roi_px):
        for column in range(x0, x0 + roi_px):
            r = math.hypot(column - x, row - y)
            if r < roi_px / 2 - 1:
                value = float(frame[row, column])
                inner = int(r)
                outer_part = r - inner
                rings[0, inner] += (1 - outer_part) * value
                rings[1, inner] += 1 - outer_part
                rings[0, inner + 1] += outer_part * value
                rings[1, inner + 1] += outer_part
                total += value
                squares += value * value
                count += 1
    for i in range(roi_px):
        rings[0, i] /= max(rings[1, i], 1e-9)
    return squares / count - (total / count) ** 2


@kernel
def _add_rest(
    frame: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    x: float,
    y: float,
    roi_px: int,
    ring: npt.NDArray[np.float64],
    sectors: npt.NDArray[np.float64],
) -> None:
    """Write each sector's sum of squares that `ring` does not explain, and its number of pixels."""
    sectors[:] = 0
    x0, y0 = round(x - (roi_px - 1) / 2), round(y - (roi_px - 1) / 2)
    for row in range(y0, y0 + roi_px):
        for column in range(x0, x0 + roi_px):
            dx, dy = column - x, row - y
            r = math.hypot(dx, dy)
            if r < roi_px / 2 - 1:
                inner = int(r)
                expected = ring[inner] + (r - inner) * (ring[inner + 1] - ring[inner])
                turn = math.atan2(dy, dx) / (2 * math.pi) + 0.5
                sector = int(turn * N_SECTORS) % N_SECTORS
                sectors[0, sector] += (float(frame[row, column]) - expected) ** 2
                sectors[1, sector] += 1
