"""Arrays of the method "fast", as its kernels see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.window_kernels import Frame, Window

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Frames = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

#: Kinds of cells. Coarse ones show the way, with few pixels; wide ones, as large and with all pixels, take
#: the place of fine ones off the middle, for windows that the frame's end holds back.
COARSE, FINE, WIDE = 0, 1, 2
CELLS_PER_PX = (2, 4, 2)
SPAN_PX = (8, 1, 8)
Z_CELLS_PER_COARSE = (1, 2, 1)
#: Rows of pixels are left out where that leaves so many: coarse references show the way, a check needs few.
_LEAST_COARSE_ROWS, _CHECKED_ROWS = 16, 8
#: A coarse reference uses at least every so many rows.
_SPARSEST = 2
#: How far from its centre, in half cells, a reference's polynomial is fitted and used: coarse ones lead the
#: way, fine ones are exact.
SAMPLED = (2.1, 1.3, 2.1)
GOOD = (2.0, 1.25, 2.0)

#: Entries of the index that are no slot: not asked for yet, asked for, and refused for want of room.
UNKNOWN, ASKED, REFUSED = -1, -2, -3


def coarse_every(roi_px: int) -> int:
    """Return that coarse references use every so many rows of pixels."""
    return min(max(roi_px // _LEAST_COARSE_ROWS, 1), _SPARSEST)


def check_every(roi_px: int) -> int:
    """Return that every so many rows of pixels are compared with the model."""
    return max(roi_px // _CHECKED_ROWS, 1)


def n_rows(roi_px: int, every: int) -> int:
    """Return the number of rows `every` apart, from row every // 2 on."""
    return len(range(every // 2, roi_px, every))


class Cells(NamedTuple):
    """Which reference lies where: one thread's view.

    Attributes
    ----------
    slots : ndarray of int32
        Slot of each cell, or why there is none.
    first : ndarray of int64, (n_luts, 3)
        Where the cells of a Z-LUT begin in `slots`, coarse, fine and wide.
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
    """The references of one size of cells.

    Attributes
    ----------
    rows : ndarray of int8, (n, 4, n_pixels)
        Coarse ones have the pixels of every so many rows.
    numbers : ndarray of float64, (n, 84)
        See `reference_kernels`.
    check : ndarray of float32, (n, m)
        The part of the model for the check.
    """

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
    """Work space of one thread; `n_coarse` counts the results by coarse references."""

    window: Window
    sparse: Window
    forces: Float64
    terms: Float64
    halves: Float64
    place: Float64
    table: Float32
    below: npt.NDArray[np.int32]
    parts: Float32
    levels: Float32
    sums: Float64
    best: Float64
    start: Float64
    nothing: Int64
    n_coarse: Int64


class Settings(NamedTuple):
    """What does not change between calls; `by_noise` is the χ² per pixel that noise alone may leave."""

    size: int
    shift: int
    at_a_time: int
    steps_per_px: float
    coarse_every: int
    check_every: int
    by_noise: float


#: The references in coarse, in fine and in wide cells.
Pools = tuple[Pool, Pool, Pool]


class Tools(NamedTuple):
    """What a search needs beside the pixels.

    Attributes
    ----------
    cells, pools, radials, scratch, settings
        See there.
    wanted : ndarray of int64, (1 + 2 n,)
        Number of missing references, then Z-LUT and cell of each.
    complete : bool
        A missing reference ends the search, to be made first; else a coarser one serves.
    """

    cells: Cells
    pools: Pools
    radials: Radials
    scratch: Scratch
    settings: Settings
    wanted: Int64
    complete: bool


class Task(NamedTuple):
    """A `method.Job` for the kernels, and whether uncertainties are known."""

    frames: Frames
    rois: Int64
    bounds: Int64
    lut_of_bead: Int64
    ceiling: int
    starts: Float64
    columns: Float64
    flags: npt.NDArray[np.uint8]
    with_sigma: bool


class Roi(NamedTuple):
    """One bead in one frame: the frame's pixels, the ROI's x0 and y0, its bounds, its Z-LUT, the ceiling."""

    frame: Frame
    corner: Int64
    bounds: Int64
    lut: int
    ceiling: int
