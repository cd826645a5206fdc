"""Natural cubic splines through uneven planes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def spline_slopes(z: FloatArray, values: FloatArray) -> FloatArray:
    """Return the derivative at each z (n,) of the natural cubic spline through values (n, m)."""
    width = np.diff(z)
    rise = np.diff(values, axis=0) / width[:, None]
    n = len(z)
    matrix = np.zeros((n, n))
    right = np.empty_like(values)
    inside = np.arange(1, n - 1)
    matrix[inside, inside - 1] = width[1:]
    matrix[inside, inside] = 2 * (width[:-1] + width[1:])
    matrix[inside, inside + 1] = width[:-1]
    right[1:-1] = 3 * (width[1:, None] * rise[:-1] + width[:-1, None] * rise[1:])
    matrix[0, :2] = (2.0, 1.0)
    matrix[-1, -2:] = (1.0, 2.0)
    right[0], right[-1] = 3 * rise[0], 3 * rise[-1]
    return np.asarray(np.linalg.solve(matrix, right))
