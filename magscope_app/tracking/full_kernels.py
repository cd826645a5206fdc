"""Compiled core of the full fit: normal equations of one ROI, and their solution.

The seven unknowns are x, y (px in the ROI), z (nm), gain, offset (grey levels) and the two slopes of a
background plane (grey levels per half ROI).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.lut_shape import KNOTS_PER_PX

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

N_UNKNOWNS = 7
#: Rows of work space of `normal_equations`: derivatives, the same times the weight, rest, weight.
N_ROWS = 2 * N_UNKNOWNS + 2
REST, WEIGHT = 2 * N_UNKNOWNS, 2 * N_UNKNOWNS + 1
#: A pixel this many standard deviations below the ceiling is never clipped.
_CLEAR_OF_CEILING = 3.0
#: One value from which on rings are numerically no rings.
_TINY = 1e-12


@kernel
def normal_equations(
    image: Float32,
    unknowns: Float64,
    poly: Float64,
    poly_z: Float64,
    template: Float32,
    limits: Float64,
    noise: Float64,
    rows: Float64,
    matrix: Float64,
    right: Float64,
) -> tuple[float, int]:
    """Fill the information matrix (7, 7) and the gradient (7,); return χ² and the number of pixels used.

    Parameters
    ----------
    image : (roi, roi)
        The ROI's pixels.
    unknowns : (7,)
        Where the model is linearised.
    poly, poly_z : (n, 4)
        Cubics of the radial part and of its derivative by z, one row per knot interval.
    template : (roi, roi)
        What is added to the radial part, already at the bead's place.
    limits : (5,)
        Least and largest x, least and largest y from the bead, and the LUT's ceiling: only what is within is
        used.
    noise : (5,)
        Gain (DN per e⁻), offset (DN), variance without light (DN²), variance of the LUT (DN²), ceiling (DN).
    rows : (N_ROWS, roi)
        Work space.
    """
    size = template.shape[0]
    middle = 0.5 * (size - 1)
    matrix[:] = 0.0
    right[:] = 0.0
    chi2 = 0.0
    used = 0
    for row in range(size):
        used += linearise_row(image[row], row, unknowns, poly, poly_z, template[row], limits, noise, rows)
        for j in range(size):
            rows[5, j] = (j - middle) / middle
            rows[6, j] = (row - middle) / middle
            chi2 += rows[WEIGHT, j] * rows[REST, j] * rows[REST, j]
        for a in range(N_UNKNOWNS):
            total = 0.0
            for j in range(size):
                rows[N_UNKNOWNS + a, j] = rows[a, j] * rows[WEIGHT, j]
                total += rows[N_UNKNOWNS + a, j] * rows[REST, j]
            right[a] += total
            for b in range(a + 1):
                total = 0.0
                for j in range(size):
                    total += rows[N_UNKNOWNS + a, j] * rows[b, j]
                matrix[a, b] += total
    for a in range(N_UNKNOWNS):
        for b in range(a):
            matrix[b, a] = matrix[a, b]
    return chi2, used


@kernel
def linearise_row(
    pixels: Float32,
    row: int,
    unknowns: Float64,
    poly: Float64,
    poly_z: Float64,
    template: Float32,
    limits: Float64,
    noise: Float64,
    rows: Float64,
) -> int:
    """Write derivatives, rest and weight of one row of pixels; return how many count."""
    size = template.shape[0]
    middle = 0.5 * (size - 1)
    x, gain, offset = unknowns[0], unknowns[3], unknowns[4]
    dy = row - unknowns[1]
    level = offset + unknowns[6] * (row - middle) / middle
    tilt = unknowns[5] / middle
    inside = limits[2] <= dy <= limits[3]
    last = poly.shape[0] - 1
    used = 0
    for j in range(size):
        dx = j - x
        r = math.sqrt(dx * dx + dy * dy + _TINY)
        at = r * KNOTS_PER_PX
        k = min(int(at), last)
        f = at - k
        bead = poly[k, 0] + f * (poly[k, 1] + f * (poly[k, 2] + f * poly[k, 3])) + template[j]
        slope = (poly[k, 1] + f * (2 * poly[k, 2] + 3 * f * poly[k, 3])) * (KNOTS_PER_PX * gain / r)
        along_z = poly_z[k, 0] + f * (poly_z[k, 1] + f * (poly_z[k, 2] + f * poly_z[k, 3]))
        model = gain * bead + level + tilt * (j - middle)
        value = float(pixels[j])
        variance = noise[0] * max(model - noise[1], 0.0) + noise[2] + gain * gain * noise[3]
        clear = _CLEAR_OF_CEILING * math.sqrt(variance)
        known = inside and limits[0] <= dx <= limits[1] and f <= 1.0 and value < noise[4]
        known = known and model < noise[4] - clear and gain * (limits[4] - bead) > clear
        used += known
        rows[0, j] = -slope * dx
        rows[1, j] = -slope * dy
        rows[2, j] = gain * along_z
        rows[3, j] = bead
        rows[4, j] = 1.0
        rows[REST, j] = value - model
        rows[WEIGHT, j] = 1.0 / variance if known else 0.0
    return used


@kernel
def _factorise(matrix: Float64, fixed: int, factor: Float64) -> bool:
    """Write the Cholesky factor of the matrix without unknown number `fixed`; False if there is none."""
    for i in range(N_UNKNOWNS):
        own = matrix[i, i] if i != fixed else 1.0
        for j in range(i + 1):
            total = matrix[i, j] if i not in (fixed, j) and j != fixed else 0.0
            if i == j:
                total = own
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if i == j:
                # A part in 10¹⁰ of the diagonal is all that rounding leaves of a singular matrix.
                if not total > 1e-10 * own:
                    return False
                factor[i, i] = math.sqrt(total)
            else:
                factor[i, j] = total / factor[j, j]
    return True


@kernel
def solve(matrix: Float64, right: Float64, fixed: int, inverse: Float64, step: Float64) -> bool:
    """Solve matrix · step = right, unknown number `fixed` (−1: none) kept; also write the inverse (7, 7).

    Returns False, with nothing of use written, if the matrix is not positive definite.
    """
    n = N_UNKNOWNS
    factor = np.zeros((n, n))
    if not _factorise(matrix, fixed, factor):
        return False
    for column in range(n):
        for i in range(n):
            total = 1.0 if i == column else 0.0
            for k in range(i):
                total -= factor[i, k] * inverse[k, column]
            inverse[i, column] = total / factor[i, i]
        for i in range(n - 1, -1, -1):
            total = inverse[i, column]
            for k in range(i + 1, n):
                total -= factor[k, i] * inverse[k, column]
            inverse[i, column] = total / factor[i, i]
    for i in range(n):
        step[i] = 0.0
        for k in range(n):
            if fixed not in (i, k):
                step[i] += inverse[i, k] * right[k]
    return True


@kernel
def signal_of(matrix: Float64, gain: float) -> float:
    """Return the bead's signal: by how much χ² would rise without it, offset and plane being free."""
    # Gauss elimination of offset and plane leaves the gain's own information.
    left = np.zeros((4, 4))
    for a in range(4):
        for b in range(4):
            left[a, b] = matrix[6 - a, 6 - b]
    for pivot in range(3):
        if not left[pivot, pivot] > 0:
            return 0.0
        for a in range(pivot + 1, 4):
            factor = left[a, pivot] / left[pivot, pivot]
            for b in range(pivot, 4):
                left[a, b] -= factor * left[pivot, b]
    return float(gain * gain * max(left[3, 3], 0.0))
