"""Compiled algebra of small matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

Float64 = npt.NDArray[np.float64]


@kernel
def invert(matrix: Float64, inverse: Float64) -> bool:
    """Write the inverse (n, n) of a matrix, which is overwritten; False if it has none (Gauss-Jordan)."""
    n = matrix.shape[0]
    for i in range(n):
        for j in range(n):
            inverse[i, j] = 1.0 if i == j else 0.0
    for column in range(n):
        pivot = column
        for row in range(column + 1, n):
            if abs(matrix[row, column]) > abs(matrix[pivot, column]):
                pivot = row
        if not abs(matrix[pivot, column]) > 0:
            return False
        if pivot != column:
            for j in range(n):
                matrix[pivot, j], matrix[column, j] = matrix[column, j], matrix[pivot, j]
                inverse[pivot, j], inverse[column, j] = inverse[column, j], inverse[pivot, j]
        scale = 1 / matrix[column, column]
        for j in range(n):
            matrix[column, j] *= scale
            inverse[column, j] *= scale
        for row in range(n):
            factor = matrix[row, column]
            if row != column and factor != 0:
                for j in range(n):
                    matrix[row, j] -= factor * matrix[column, j]
                    inverse[row, j] -= factor * inverse[column, j]
    return True
