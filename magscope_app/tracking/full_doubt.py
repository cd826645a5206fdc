"""Compiled doubts about a fit: misfit on one side of the bead, and a ROI that shows no round thing at all."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.full_kernels import REST, WEIGHT, linearise_row

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: The ROI is divided into so many blocks along either axis, and then into half as many.
_BLOCKS = 4
#: A block stands out if its χ² per pixel is above that of a block at the same distance from the middle, or
#: above 1, by so many standard deviations and by this share at least.
_DEVIATIONS, _LEAST_EXCESS = 6.0, 0.25


@kernel
def _stands_out(chi2: Float64, count: Float64, fewest: int) -> bool:
    """Return whether a block has more χ² per pixel than one of those that it is turned into."""
    last = chi2.shape[0] - 1
    for a in range(last + 1):
        for b in range(last + 1):
            if count[a, b] < fewest:
                continue
            own = chi2[a, b] / count[a, b]
            limit = 1 + max(_DEVIATIONS * math.sqrt(2 / count[a, b]), _LEAST_EXCESS)
            for c, d in ((last - a, last - b), (b, last - a), (last - b, a)):
                if count[c, d] >= fewest and own > limit * max(chi2[c, d] / count[c, d], 1.0):
                    return True
    return False


@kernel
def one_sided(
    image: Float32,
    unknowns: Float64,
    poly: Float64,
    poly_z: Float64,
    template: Float32,
    limits: Float64,
    noise: Float64,
    rows: Float64,
) -> bool:
    """Return whether a fit misses on one side of the ROI, as where another bead's rings reach into it.

    A Z-LUT of another bead misses on all sides alike. Arguments as of `normal_equations`.
    """
    size = template.shape[0]
    chi2 = np.zeros((_BLOCKS, _BLOCKS))
    count = np.zeros((_BLOCKS, _BLOCKS))
    for row in range(size):
        linearise_row(image[row], row, unknowns, poly, poly_z, template[row], limits, noise, rows)
        for j in range(size):
            block = j * _BLOCKS // size
            chi2[row * _BLOCKS // size, block] += rows[WEIGHT, j] * rows[REST, j] ** 2
            count[row * _BLOCKS // size, block] += 1.0 if rows[WEIGHT, j] > 0 else 0.0
    half = _BLOCKS // 2
    chi2_of_four, count_of_four = np.zeros((half, half)), np.zeros((half, half))
    for a in range(_BLOCKS):
        for b in range(_BLOCKS):
            chi2_of_four[a // 2, b // 2] += chi2[a, b]
            count_of_four[a // 2, b // 2] += count[a, b]
    return _stands_out(chi2, count, size) or _stands_out(chi2_of_four, count_of_four, size)


@kernel
def roundness(image: Float32, x: float, y: float, size: int) -> float:
    """Return the share of the variance of a ROI's pixels that a mean per circle of whole pixels explains."""
    room = int(min(min(x, y), min(size - 1 - x, size - 1 - y)))
    sums, squares, counts = np.zeros(room + 2), 0.0, np.zeros(room + 2)
    for row in range(size):
        for column in range(size):
            r = int(math.sqrt((column - x) ** 2 + (row - y) ** 2) + 0.5)
            if r <= room:
                value = float(image[row, column])
                sums[r] += value
                counts[r] += 1
                squares += value * value
    n = counts.sum()
    if n < size:
        return 0.0
    mean = sums.sum() / n
    total = squares - n * mean * mean
    between = 0.0
    for r in range(room + 1):
        if counts[r] > 0:
            between += sums[r] * sums[r] / counts[r]
    return (between - n * mean * mean) / total if total > 0 else 0.0
