"""Arrays of the method "fast", as its kernels see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.window_kernels import Window

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: Two sizes of cells. Coarse ones reach beyond the middle, for windows that the frame's end holds back.
COARSE, FINE = 0, 1
CELLS_PER_PX = (2, 4)
SPAN_PX = (8, 1)
Z_CELLS_PER_COARSE = (1, 2)

#: Entries of the index that are no slot: not asked for yet, asked for, and refused for want of room.
UNKNOWN, ASKED, REFUSED = -1, -2, -3


class Cells(NamedTuple):
    """Which reference lies where: one thread's view.

    Attributes
    ----------
    slots : ndarray of int32
        Slot of each cell, or why there is none.
    first : ndarray of int64, (n_luts, 2)
        Where the cells of a Z-LUT begin in `slots`, coarse and fine; −1: it has no references.
    n_z : ndarray of int64, (n_luts,)
        Number of coarse cells along z.
    low_nm, width_nm : ndarray of float64, (n_luts,)
        Lower end of the first coarse cell, and its width.
    """

    slots: npt.NDArray[np.int32]
    first: Int64
    n_z: Int64
    low_nm: Float64
    width_nm: Float64


class Pool(NamedTuple):
    """The references: rows (n, 4, size²), numbers (n, 80), and the part of the model for the check (n, m)."""

    rows: npt.NDArray[np.int8]
    numbers: Float64
    check: Float32


class Radials(NamedTuple):
    """Coarse radial tables for the check.

    Attributes
    ----------
    coefs : ndarray of float32, (n_planes, n_radii)
        Coefficients of B-splines in z, all Z-LUTs below each other.
    first, n_planes : ndarray of int64, (n_luts,)
        Which rows belong to a Z-LUT.
    low_nm, step_nm : ndarray of float64, (n_luts,)
        z of the first plane and between planes.
    noise : ndarray of float64, (n_luts, 5)
        Gain, offset, variance in DN² that does not depend on the light, variance of the Z-LUT, and the
        χ² per pixel that noise alone leaves: 1, or 0 where the noise is not known.
    """

    coefs: Float32
    first: Int64
    n_planes: Int64
    low_nm: Float64
    step_nm: Float64
    noise: Float64


class Scratch(NamedTuple):
    """Work space of one thread."""

    window: Window
    forces: Float64
    terms: Float64
    halves: Float64
    place: Float64
    table: Float32
    best: Float64


class Settings(NamedTuple):
    """What does not change between calls."""

    size: int
    shift: int
    at_a_time: int
    steps_per_px: float
    check_every: int
