"""Compiled doubts about a fit: misfit beyond noise, on one side, on rings, and a ROI without a bead."""

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
#: Noise lifts a sum of squares above its mean by at most so many standard deviations, and by this share of
#: it, because the camera's noise is not known better.
_BY_CHANCE, _NOISE_ERROR = 4.0, 0.01
#: Gain, offset and z leave that many fewer rings free.
_FITTED_TO_RINGS = 3


@kernel
def by_chance(freedom: float) -> float:
    """Return by how much noise alone may lift a sum of `freedom` squares of mean 1 above its mean."""
    return _BY_CHANCE * math.sqrt(2 * freedom) + _NOISE_ERROR * freedom


@kernel
def share_of(signal: float, misfit: float) -> float:
    """Return the share of what is seen that is the bead's signal, 0..1."""
    return signal / (signal + max(misfit, 0.0)) if signal > 0 else 0.0


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
def doubts(
    image: Float32,
    unknowns: Float64,
    poly: Float64,
    poly_z: Float64,
    template: Float32,
    limits: Float64,
    noise: Float64,
    rows: Float64,
) -> tuple[bool, float]:
    """Return whether a fit misses on one side of the ROI, and the misfit of the rings' mean levels.

    On one side: as where another bead's rings reach into it; a Z-LUT of another bead misses on all sides
    alike. The misfit is χ² of the means on circles of whole pixels less what noise may give. The few means
    tell of a wrong z or another bead in dim light, where the noise of thousands of pixels hides it. Arguments
    as of `normal_equations`.
    """
    size = template.shape[0]
    chi2 = np.zeros((_BLOCKS, _BLOCKS))
    count = np.zeros((_BLOCKS, _BLOCKS))
    rings = np.zeros((2, 2 * size + 1))
    for row in range(size):
        linearise_row(image[row], row, unknowns, poly, poly_z, template[row], limits, noise, rows)
        for j in range(size):
            block = j * _BLOCKS // size
            chi2[row * _BLOCKS // size, block] += rows[WEIGHT, j] * rows[REST, j] ** 2
            count[row * _BLOCKS // size, block] += 1.0 if rows[WEIGHT, j] > 0 else 0.0
            r = int(math.sqrt((j - unknowns[0]) ** 2 + (row - unknowns[1]) ** 2) + 0.5)
            rings[0, r] += rows[WEIGHT, j] * rows[REST, j]
            rings[1, r] += rows[WEIGHT, j]
    half = _BLOCKS // 2
    chi2_of_four, count_of_four = np.zeros((half, half)), np.zeros((half, half))
    for a in range(_BLOCKS):
        for b in range(_BLOCKS):
            chi2_of_four[a // 2, b // 2] += chi2[a, b]
            count_of_four[a // 2, b // 2] += count[a, b]
    one_sided = _stands_out(chi2, count, size) or _stands_out(chi2_of_four, count_of_four, size)
    return one_sided, _misfit_of_rings(rings)


@kernel
def _misfit_of_rings(rings: Float64) -> float:
    """Return χ² beyond noise of rings, given the sums of their weighted rests and of their weights."""
    total, freedom = 0.0, -_FITTED_TO_RINGS
    for r in range(rings.shape[1]):
        if rings[1, r] > 0:
            total += rings[0, r] * rings[0, r] / rings[1, r]
            freedom += 1
    freedom = max(freedom, 1)
    return total - freedom - by_chance(float(freedom))


@kernel
def roundness(image: Float32, x: float, y: float, size: int, noise: Float64, noise_known: bool) -> float:
    """Return the share of the variance of a ROI's pixels that a mean per circle of whole pixels explains.

    What noise gives is taken off where it is known. The pixel at the centre, alone on its circle, tells
    nothing.
    """
    room = int(min(min(x, y), min(size - 1 - x, size - 1 - y)))
    sums, squares, counts = np.zeros(room + 2), 0.0, np.zeros(room + 2)
    for row in range(size):
        for column in range(size):
            r = int(math.sqrt((column - x) ** 2 + (row - y) ** 2) + 0.5)
            if 0 < r <= room:
                value = float(image[row, column])
                sums[r] += value
                counts[r] += 1
                squares += value * value
    n = counts.sum()
    if n < size:
        return 0.0
    mean = sums.sum() / n
    between, within, noise_within = -n * mean * mean, squares, 0.0
    for r in range(1, room + 1):
        if counts[r] > 0:
            level = sums[r] / counts[r]
            variance = noise[0] * max(level - noise[1], 0.0) + noise[2] if noise_known else 0.0
            between += counts[r] * level * level - variance
            within -= counts[r] * level * level
            noise_within += (counts[r] - 1) * variance
    return share_of(between, within - noise_within * (1 + by_chance(n) / n))
