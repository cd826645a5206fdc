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
    sums = np.empty(roi_px)
    weights = np.empty(roi_px)
    sector_sums = np.empty(N_SECTORS)
    sector_counts = np.empty(N_SECTORS)
    limit = roi_px / 2 - 1
    for number in range(len(centres)):
        x, y = centres[number, 0], centres[number, 1]
        x0, y0 = round(x - (roi_px - 1) / 2), round(y - (roi_px - 1) / 2)
        sums[:] = 0
        weights[:] = 0
        sector_sums[:] = 0
        sector_counts[:] = 0
        total, squares, count = 0.0, 0.0, 0
        for row in range(y0, y0 + roi_px):
            for column in range(x0, x0 + roi_px):
                r = math.hypot(column - x, row - y)
                if r < limit:
                    value = float(frame[row, column])
                    inner = int(r)
                    outer_part = r - inner
                    sums[inner] += (1 - outer_part) * value
                    weights[inner] += 1 - outer_part
                    sums[inner + 1] += outer_part * value
                    weights[inner + 1] += outer_part
                    total += value
                    squares += value * value
                    count += 1
        for i in range(roi_px):
            sums[i] /= max(weights[i], 1e-9)
        rest = 0.0
        for row in range(y0, y0 + roi_px):
            for column in range(x0, x0 + roi_px):
                dx, dy = column - x, row - y
                r = math.hypot(dx, dy)
                if r < limit:
                    inner = int(r)
                    outer_part = r - inner
                    ring = (1 - outer_part) * sums[inner] + outer_part * sums[inner + 1]
                    squared = (float(frame[row, column]) - ring) ** 2
                    turn = math.atan2(dy, dx) / (2 * math.pi) + 0.5
                    sector = int(turn * N_SECTORS) % N_SECTORS
                    rest += squared
                    sector_sums[sector] += squared
                    sector_counts[sector] += 1
        verdicts[number, 0] = squares / count - (total / count) ** 2
        verdicts[number, 1] = rest / count
        verdicts[number, 2] = (sector_sums / np.maximum(sector_counts, 1)).max()
