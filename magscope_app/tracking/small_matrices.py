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
    inverse[:] = 0.0
    for i in range(n):
        inverse[i, i] = 1.0
    for column in range(n):
        pivot = column
        for row in range(column + 1, n):
            if abs(matrix[row, column]) > abs(matrix[pivot, column]):
                pivot = row
        if not abs(matrix[pivot, column]) > 0:
            return False
        if pivot != column:
            _swap(matrix, pivot, column)
            _swap(inverse, pivot, column)
        scale = 1 / matrix[column, column]
        matrix[column] *= scale
        inverse[column] *= scale
        for row in range(n):
            factor = matrix[row, column]
            if row != column and factor != 0:
                for j in range(n):
                    matrix[row, j] -= factor * matrix[column, j]
                    inverse[row, j] -= factor * inverse[column, j]
    return True


@kernel
def _swap(matrix: Float64, a: int, b: int) -> None:
    for j in range(matrix.shape[1]):
        matrix[a, j], matrix[b, j] = matrix[b, j], matrix[a, j]
