"""Compiled loop of the method "fast": cell, reference, four dot products, position; then a check of the result."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_X, SIGMA_Y, SIGMA_Z, X, Y, Z
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.lut_kernels import spline_weights
from magscope_app.tracking.reference_kernels import CLIPS, N_TERMS, POLYNOMIAL, SIGMAS, SIGNAL, linear, monomials
from magscope_app.tracking.window_kernels import (
    Frame,
    Window,
    copy_window,
    four_dots,
    window_centre,
    window_start,
)

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: What the loop says of a ROI, and of a call.
DONE, NEEDS_REFERENCE, NEEDS_FULL = 0, 1, 2

#: Two sizes of cells. Coarse ones reach beyond the middle, for windows that the frame's end holds back.
COARSE, FINE = 0, 1
CELLS_PER_PX = (2, 4)
SPAN_PX = (8, 1)
Z_CELLS_PER_COARSE = (1, 2)

#: Entries of the index that are no slot: not asked for yet, asked for, and refused for want of room.
UNKNOWN, ASKED, REFUSED = -1, -2, -3

_MAX_STEPS = 6
_LONGEST_PX, _LONGEST_NM = 0.8, 80.0
#: How far outside its cell, in half cells, a polynomial is still good, and a result still final.
_GOOD, _FINAL = 1.25, 1.1
#: A bead is looked for where it was on average lately: this share of each move is followed.
_FOLLOWED = 0.25
_FAR_PX, _FAR_NM = 1.0, 150.0
_SATURATED = int(TrackFlag.SATURATED)


class Cells(NamedTuple):
    """Which reference lies where: one thread's view.

    Attributes
    ----------
    index : ndarray of int32
        Slot of each cell, or why there is none.
    first : ndarray of int64, (n_luts, 2)
        Where the cells of a Z-LUT begin in the index, coarse and fine; −1: it has no references.
    n_z : ndarray of int64, (n_luts,)
        Number of coarse cells along z.
    low_nm, width_nm : ndarray of float64, (n_luts,)
        Lower end of the first coarse cell, and its width.
    """

    index: npt.NDArray[np.int32]
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
    noise : ndarray of float64, (n_luts, 4)
        Gain, offset, the variance in DN² that does not depend on the light, and the variance of the Z-LUT.
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
    rests: Float32
    best: Float64


class Settings(NamedTuple):
    """What does not change between calls."""

    size: int
    shift: int
    at_a_time: int
    steps_per_px: float
    check_every: int
    from_noise: float


@kernel
def _slot(
    level: int, lut: int, x: float, y: float, z: float, cells: Cells, place: Float64, wanted: Int64
) -> int:
    """Return the slot of the cell around (x, y) px from the window's middle and z nm, or a negative entry.

    `place` gets the cell's centre and half widths; a cell not asked for yet goes on the list `wanted`.
    """
    per_px, span = CELLS_PER_PX[level], SPAN_PX[level]
    n = per_px * span
    column = math.floor((x + 0.5 * span) * per_px)
    row = math.floor((y + 0.5 * span) * per_px)
    if column < 0 or row < 0 or column >= n or row >= n:
        return REFUSED
    n_z = cells.n_z[lut] * Z_CELLS_PER_COARSE[level]
    width = cells.width_nm[lut] / Z_CELLS_PER_COARSE[level]
    layer = min(max(math.floor((z - cells.low_nm[lut]) / width), 0), n_z - 1)
    place[0] = (column + 0.5) / per_px - 0.5 * span
    place[1] = (row + 0.5) / per_px - 0.5 * span
    place[2] = cells.low_nm[lut] + (layer + 0.5) * width
    place[3] = 0.5 / per_px
    place[4] = 0.5 * width
    at = cells.first[lut, level] + (layer * n + row) * n + column
    slot = cells.index[at]
    if slot == UNKNOWN and 2 * wanted[0] + 2 < wanted.shape[0]:
        wanted[1 + 2 * wanted[0]] = lut
        wanted[2 + 2 * wanted[0]] = at - cells.first[lut, COARSE]
        wanted[0] += 1
        cells.index[at] = ASKED
    return int(slot)


@kernel
def _move(numbers: Float64, scratch: Scratch) -> tuple[bool, bool]:
    """Move `place[5:8]` to where the answers in `forces` say; return if it is well known, and if final."""
    forces, terms, place = scratch.forces, scratch.terms, scratch.place
    scratch.halves[0], scratch.halves[1] = place[3], place[4]
    linear(numbers, forces, scratch.halves)
    farthest = max(abs(forces[0]), abs(forces[1]), abs(forces[2]))
    if not farthest <= _GOOD:
        # Beyond the samples a cubic means nothing; the linear answer shows the way.
        longest = (_LONGEST_PX, _LONGEST_PX, _LONGEST_NM)
        for a in range(3):
            step = forces[a] * (place[4] if a == 2 else place[3])
            place[5 + a] = place[a] + min(max(step, -longest[a]), longest[a])
        return False, False
    monomials(forces[0], forces[1], forces[2], terms)
    final = True
    for a in range(3):
        total = 0.0
        for k in range(N_TERMS):
            total += numbers[POLYNOMIAL + 3 * k + a] * terms[k]
        final &= abs(total) <= _FINAL
        place[5 + a] = place[a] + total * (place[4] if a == 2 else place[3])
    return True, final


@kernel
def _descend(
    frame: Frame,
    x: float,
    y: float,
    z: float,
    lut: int,
    cells: Cells,
    pool: Pool,
    scratch: Scratch,
    settings: Settings,
    wanted: Int64,
    complete: bool,
) -> tuple[int, int, int, int, int]:
    """Go from a start (px in the frame, nm) to the bead, whose place goes into `scratch.place[5:8]`.

    A missing reference goes on the list `wanted`, and with `complete` ends the descent, to be made first;
    without, a coarser one serves.

    Returns
    -------
    what : int
        DONE, NEEDS_REFERENCE or NEEDS_FULL.
    slot, x0, y0, highest : int
        Last reference, corner of the window, and its highest grey level.
    """
    size = settings.size
    place = scratch.place
    middle = 0.5 * (size - 1)
    low, high = cells.low_nm[lut] + 1.0, cells.low_nm[lut] + cells.n_z[lut] * cells.width_nm[lut] - 1.0
    last_x = last_y = -1
    highest = slot = 0
    level = COARSE
    for _ in range(_MAX_STEPS):
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            return NEEDS_FULL, slot, last_x, last_y, highest
        x0 = window_start(x, size, frame.shape[1])
        y0 = window_start(y, size, frame.shape[0])
        z = min(max(z, low), high)
        slot = REFUSED
        asked = wanted[0]
        if level == FINE:
            slot = _slot(FINE, lut, x - x0 - middle, y - y0 - middle, z, cells, place, wanted)
        if complete and wanted[0] > asked:
            return NEEDS_REFERENCE, slot, last_x, last_y, highest
        if slot < 0:
            slot = _slot(COARSE, lut, x - x0 - middle, y - y0 - middle, z, cells, place, wanted)
        if complete and wanted[0] > asked:
            return NEEDS_REFERENCE, slot, last_x, last_y, highest
        if slot < 0:
            return NEEDS_FULL, slot, last_x, last_y, highest
        if x0 != last_x or y0 != last_y:
            highest = copy_window(frame, x0, y0, size, settings.shift, scratch.window)
            last_x, last_y = x0, y0
        four_dots(scratch.window, pool.rows[slot], size * size, settings.at_a_time, scratch.forces)
        good, final = _move(pool.numbers[slot], scratch)
        x = x0 + middle + place[5]
        y = y0 + middle + place[6]
        z = place[7]
        is_fine = place[3] < 0.4 / CELLS_PER_PX[COARSE]
        if final and (is_fine or level == FINE):
            place[5], place[6] = x, y
            return DONE, slot, x0, y0, highest
        if good:
            level = FINE
    return NEEDS_FULL, slot, last_x, last_y, highest


@kernel
def _blend(radials: Radials, lut: int, z: float, table: Float32) -> None:
    """Write the Z-LUT's profile at z."""
    plane = (z - radials.low_nm[lut]) / radials.step_nm[lut]
    k = min(max(math.floor(plane), 0), radials.n_planes[lut] - 4)
    weights = spline_weights(plane - k)
    k += radials.first[lut]
    a, b = np.float32(weights[0]), np.float32(weights[1])
    c, d = np.float32(weights[2]), np.float32(weights[3])
    rows = radials.coefs
    for j in range(table.shape[0]):
        table[j] = a * rows[k, j] + b * rows[k + 1, j] + c * rows[k + 2, j] + d * rows[k + 3, j]


@kernel
def _rest_of_row(
    start: int,
    dy: float,
    x: float,
    gain: float,
    window: Window,
    check: Float32,
    rests: Float32,
    table: Float32,
    settings: Settings,
) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32]:
    """Write model and rest (NaN: not to be used) of one row; return its sums of 1, x, x², rest, x · rest."""
    size = settings.size
    last = np.float32(table.shape[0] - 2)
    steps = np.float32(settings.steps_per_px)
    middle, g, x_32 = np.float32(0.5 * (size - 1)), np.float32(gain), np.float32(x)
    square, shift = np.float32(dy * dy), np.float32(settings.shift)
    n = s_x = s_xx = s_e = s_xe = np.float32(0)
    for column in range(size):
        dx = np.float32(column) - x_32
        at = min(np.float32(math.sqrt(dx * dx + square)) * steps, last)
        below = np.int32(at)
        k = np.uint32(below)
        level = table[k] + (at - np.float32(below)) * (table[k + np.uint32(1)] - table[k])
        extra = check[np.uint64(column)]
        seen = extra == extra
        model = g * (level + extra)
        rest = np.float32(window[np.uint64(start + column)]) + shift - model
        u = np.float32(column) - middle
        rests[0, column] = model
        rests[1, column] = rest
        w = np.float32(1) if seen else np.float32(0)
        e = rest if seen else np.float32(0)
        n += w
        s_x += w * u
        s_xx += w * u * u
        s_e += e
        s_xe += e * u
    return n, s_x, s_xx, s_e, s_xe


@kernel
def misfit(
    x: float,
    y: float,
    z: float,
    gain: float,
    lut: int,
    check: Float32,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
) -> float:
    """Return the reduced χ² of the model, with a background plane, on some rows of the window."""
    size, every = settings.size, settings.check_every
    n_rows = check.shape[0] // size
    middle = 0.5 * (size - 1)
    _blend(radials, lut, z, scratch.table)
    n = s_x = s_y = s_xx = s_yy = s_e = s_xe = s_ye = 0.0
    for i in range(n_rows):
        row = i * every + every // 2
        here = slice(i * size, (i + 1) * size)
        r_n, r_x, r_xx, r_e, r_xe = _rest_of_row(
            row * size, row - y, x, gain, scratch.window, check[here], scratch.rests[:, here],
            scratch.table, settings,
        )  # fmt: skip
        v = row - middle
        n += r_n
        s_x += r_x
        s_xx += r_xx
        s_e += r_e
        s_xe += r_xe
        s_y += r_n * v
        s_yy += r_n * v * v
        s_ye += r_e * v
    if n < size:
        return math.inf
    along_x = (s_xe - s_x * s_e / n) / (s_xx - s_x * s_x / n + 1e-9)
    along_y = (s_ye - s_y * s_e / n) / (s_yy - s_y * s_y / n + 1e-9)
    level = (s_e - along_x * s_x - along_y * s_y) / n
    total = 0.0
    for i in range(n_rows):
        v = i * every + every // 2 - middle
        total += _chi2_of_row(
            level + along_y * v, along_x, gain, scratch.rests[:, i * size : (i + 1) * size], radials.noise[lut]
        )
    return total / (n - 3)


@kernel
def _chi2_of_row(level: float, slope: float, gain: float, rests: Float32, noise: Float64) -> float:
    """Return the sum of squared rests over their variances, less the background's `level` and `slope`."""
    base, tilt = np.float32(level), np.float32(slope)
    e_gain, dark = np.float32(noise[0]), np.float32(noise[1])
    floor = np.float32(noise[2] + gain * gain * noise[3])
    size = rests.shape[1]
    middle = np.float32(0.5 * (size - 1))
    total = np.float32(0)
    for column in range(size):
        plane = base + tilt * (np.float32(column) - middle)
        rest = rests[1, column] - plane
        variance = e_gain * max(rests[0, column] + plane - dark, np.float32(0)) + floor
        share = rest * rest / variance
        total += share if share == share else np.float32(0)
    return float(total)


@kernel
def _inside_roi(x: float, y: float, corner: Int64, size: int) -> bool:
    """Whether the bead is so well inside its ROI that at least half of its profile fits."""
    room = min(min(x - corner[0], y - corner[1]), min(corner[0] + size - 1 - x, corner[1] + size - 1 - y))
    return room >= 0.25 * size


@kernel
def _accept(
    slot: int,
    x0: int,
    y0: int,
    highest: int,
    ceiling: int,
    lut: int,
    corner: Int64,
    cells: Cells,
    pool: Pool,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
) -> tuple[float, float]:
    """Return the share of the signal that the result in `scratch.place[5:8]` explains, and its χ².

    The share is 0 if the result cannot be right.
    """
    x, y, z = scratch.place[5], scratch.place[6], scratch.place[7]
    gain = scratch.forces[3]
    top = cells.low_nm[lut] + cells.n_z[lut] * cells.width_nm[lut]
    if not cells.low_nm[lut] < z < top:
        return 0.0, math.inf
    if not gain > 0 or not _inside_roi(x, y, corner, settings.size):
        return 0.0, math.inf
    if highest >= ceiling and pool.numbers[slot, CLIPS] == 0:
        return 0.0, math.inf
    chi2 = misfit(x - x0, y - y0, z, gain, lut, pool.check[slot], radials, scratch, settings)
    # Light scales signal and shot noise alike.
    signal = gain * pool.numbers[slot, SIGNAL]
    return signal / (signal + max(chi2 - settings.from_noise, 0.0)), chi2


@kernel
def _try(
    frame: Frame,
    start: Float64,
    lut: int,
    corner: Int64,
    ceiling: int,
    cells: Cells,
    pool: Pool,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    wanted: Int64,
    complete: bool,
) -> int:
    """Descend from a start; if the result is the best so far, keep it in `scratch.best`."""
    what, slot, x0, y0, highest = _descend(
        frame, start[0], start[1], start[2], lut, cells, pool, scratch, settings, wanted, complete
    )
    if what != DONE:
        return what
    best = scratch.best
    share, chi2 = _accept(
        slot, x0, y0, highest, ceiling, lut, corner, cells, pool, radials, scratch, settings
    )  # fmt: skip
    if share > best[0]:
        best[0], best[7] = share, chi2
        best[1], best[2], best[3] = scratch.place[5], scratch.place[6], scratch.place[7]
        best[4], best[5], best[6] = scratch.forces[3], slot, highest
    return DONE


@kernel
def _try_again(
    frame: Frame,
    lut: int,
    corner: Int64,
    ceiling: int,
    cells: Cells,
    pool: Pool,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    start: Float64,
    nothing: Int64,
) -> None:
    """Descend from the centre of mass and from every second layer that has a reference there."""
    size = settings.size
    copy_window(frame, corner[0], corner[1], size, settings.shift, scratch.window)
    x, y = window_centre(scratch.window, size)
    x += corner[0]
    y += corner[1]
    middle = 0.5 * (size - 1)
    u = x - window_start(x, size, frame.shape[1]) - middle
    v = y - window_start(y, size, frame.shape[0]) - middle
    for layer in range(0, cells.n_z[lut], 2):
        z = cells.low_nm[lut] + (layer + 0.5) * cells.width_nm[lut]
        if _slot(COARSE, lut, u, v, z, cells, scratch.place, nothing) >= 0:
            start[0], start[1], start[2] = x, y, z
            _try(
                frame, start, lut, corner, ceiling, cells, pool, radials, scratch, settings, nothing, False
            )  # fmt: skip


@kernel
def _follow(start: Float64, best: Float64) -> None:
    """Move a bead's start towards its last place: by a quarter, or at once if it went far."""
    far = not (
        abs(best[1] - start[0]) < _FAR_PX
        and abs(best[2] - start[1]) < _FAR_PX
        and abs(best[3] - start[2]) < _FAR_NM
    )
    for a in range(3):
        start[a] = best[1 + a] if far else start[a] + _FOLLOWED * (best[1 + a] - start[a])


@kernel
def _write(
    number: int, ceiling: int, pool: Pool, best: Float64, with_sigma: bool, columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    slot = int(best[5])
    # Signal rises with the gain, shot noise with its root; a misfit makes every number less certain by its root.
    scale = math.sqrt(max(best[7], 1.0) / best[4]) if with_sigma else math.nan
    columns[X, number], columns[Y, number], columns[Z, number] = best[1], best[2], best[3]
    columns[SIGMA_X, number] = pool.numbers[slot, SIGMAS] * scale
    columns[SIGMA_Y, number] = pool.numbers[slot, SIGMAS + 1] * scale
    columns[SIGMA_Z, number] = pool.numbers[slot, SIGMAS + 2] * scale
    columns[QUALITY, number] = best[0]
    flags[number] = _SATURATED if best[6] >= ceiling else 0


@kernel
def align(
    frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    rois: Int64,
    lut_of_bead: Int64,
    ceiling: int,
    with_sigma: bool,
    stop_bead: int,
    cells: Cells,
    pool: Pool,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    wanted: Int64,
    complete: bool,
    starts: Float64,
    cursor: Int64,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> int:
    """Track beads, one after the other through all frames, from `cursor` (bead, frame) on.

    `starts` (n_beads, 4) holds where each bead was lately (NaN: not known), and the least
    share of the signal that must be explained. Beads without references are left out.

    Returns DONE, or what the ROI at the cursor needs: NEEDS_REFERENCE, then the same ROI again; NEEDS_FULL: it
    is beyond this method.
    """
    n_beads = rois.shape[0]
    start, nothing = np.empty(3), np.zeros(1, np.int64)
    while cursor[0] < stop_bead:
        bead = cursor[0]
        lut, corner, least = lut_of_bead[bead], rois[bead], starts[bead, 3]
        while lut >= 0 and cursor[1] < frames.shape[0]:
            frame = frames[cursor[1]]
            scratch.best[0] = 0.0
            for a in range(3):
                start[a] = starts[bead, a]
            what = _try(
                frame, start, lut, corner, ceiling, cells, pool, radials, scratch, settings, wanted, complete
            )  # fmt: skip
            if what == NEEDS_REFERENCE:
                return NEEDS_REFERENCE
            if not scratch.best[0] >= least:
                _try_again(
                    frame, lut, corner, ceiling, cells, pool, radials, scratch, settings, start, nothing
                )  # fmt: skip
            if not scratch.best[0] >= least:
                return NEEDS_FULL
            number = cursor[1] * n_beads + bead
            _write(number, ceiling, pool, scratch.best, with_sigma, columns, flags)
            _follow(starts[bead], scratch.best)
            cursor[1] += 1
        cursor[0] += 1
        cursor[1] = 0
    return DONE
