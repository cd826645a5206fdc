"""Compiled part of making a `BeadShape`: sums over the pixels of a sweep."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.full_kernels import N_ROWS, N_UNKNOWNS, normal_equations, solve
from magscope_app.tracking.lut_kernels import spline_weights
from magscope_app.tracking.lut_shape import KNOTS_PER_PX

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_FIT_Z = 2
_STEPS = 3


@kernel
def add_to_spline(image: Float32, unknowns: Float64, band: Float64, right: Float64) -> None:
    """Add an image to the normal equations of the plane's spline in r: `band` (n, 4), `right` (n,)."""
    size = image.shape[0]
    middle = 0.5 * (size - 1)
    scale = 1.0 / unknowns[3]
    for row in range(size):
        dy = row - unknowns[1]
        for column in range(size):
            dx = column - unknowns[0]
            at = math.sqrt(dx * dx + dy * dy) * KNOTS_PER_PX
            k = int(at)
            weights = spline_weights(at - k)
            ramp = (unknowns[5] * (column - middle) + unknowns[6] * (row - middle)) / middle
            value = (image[row, column] - unknowns[4] - ramp) * scale
            for a in range(4):
                right[k + a] += weights[a] * value
                for b in range(a, 4):
                    band[k + a, b - a] += weights[a] * weights[b]


@kernel
def fit_at_plane(image: Float32, poly: Float64, limits: Float64, noise: Float64, unknowns: Float64) -> bool:
    """Improve all unknowns but z of one image of the plane that `poly` (n, 4) describes."""
    size = image.shape[0]
    rows = np.zeros((N_ROWS, size))
    matrix = np.zeros((N_UNKNOWNS, N_UNKNOWNS))
    inverse = np.zeros((N_UNKNOWNS, N_UNKNOWNS))
    right = np.zeros(N_UNKNOWNS)
    step = np.zeros(N_UNKNOWNS)
    template = np.zeros((size, size), np.float32)
    for _ in range(_STEPS):
        normal_equations(image, unknowns, poly, poly, template, limits, noise, rows, matrix, right)
        if not solve(matrix, right, _FIT_Z, inverse, step):
            return False
        for k in range(N_UNKNOWNS):
            unknowns[k] += min(max(step[k], -0.5), 0.5) if k < _FIT_Z else step[k]
    return True


@kernel
def left_over(image: Float32, unknowns: Float64, poly: Float64, rest: Float64) -> None:
    """Write into `rest` (size, size) what the radial part leaves over of an image, in the LUT's units."""
    size = image.shape[0]
    middle = 0.5 * (size - 1)
    last = poly.shape[0] - 1
    for row in range(size):
        dy = row - unknowns[1]
        for column in range(size):
            dx = column - unknowns[0]
            at = math.sqrt(dx * dx + dy * dy) * KNOTS_PER_PX
            k = min(int(at), last)
            f = min(at - k, 1.0)
            bead = poly[k, 0] + f * (poly[k, 1] + f * (poly[k, 2] + f * poly[k, 3]))
            ramp = (unknowns[5] * (column - middle) + unknowns[6] * (row - middle)) / middle
            rest[row, column] = (image[row, column] - unknowns[4] - ramp) / unknowns[3] - bead
