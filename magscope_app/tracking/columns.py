"""Where a result's numbers lie: rows of the array that the kernels fill."""

from __future__ import annotations

X, Y, Z, SIGMA_X, SIGMA_Y, SIGMA_Z, QUALITY = range(7)
N_COLUMNS = 7
