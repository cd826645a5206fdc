"""Compiled loop of the method "fast": cell, reference, four dot products, position; again if need be."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_X, SIGMA_Y, SIGMA_Z, X, Y, Z
from magscope_app.tracking.fast_arrays import (
    ASKED,
    CELLS_PER_PX,
    COARSE,
    FINE,
    REFUSED,
    SPAN_PX,
    UNKNOWN,
    Z_CELLS_PER_COARSE,
    Cells,
    Float64,
    Int64,
    Pool,
    Radials,
    Scratch,
    Settings,
)
from magscope_app.tracking.fast_check_kernels import accept
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.reference_kernels import N_TERMS, POLYNOMIAL, SIGMAS, linear, monomials
from magscope_app.tracking.starts import FRESH, INHERITED, LEAST, USUAL
from magscope_app.tracking.window_kernels import Frame, copy_window, four_dots, window_centre, window_start

#: What the loop says of a ROI, and of a call.
DONE, NEEDS_REFERENCE, NEEDS_FULL = 0, 1, 2

_MAX_STEPS = 6
_LONGEST_PX, _LONGEST_NM = 0.8, 80.0
#: How far outside its cell, in half cells, a polynomial is still good, and a result still final.
_GOOD, _FINAL = 1.25, 1.1
#: A bead is looked for where it was on average lately: this share of each move is followed.
_FOLLOWED = 0.25
_FAR_PX, _FAR_NM = 1.0, 150.0
#: A result that leaves over this many times what is usual for the bead is looked into.
_UNUSUAL = 1.5
_SATURATED = int(TrackFlag.SATURATED)
_OVERLAPPED = int(TrackFlag.OVERLAPPED)


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
    slot = cells.slots[at]
    if slot == UNKNOWN and 2 * wanted[0] + 2 < wanted.shape[0]:
        wanted[1 + 2 * wanted[0]] = lut
        wanted[2 + 2 * wanted[0]] = at - cells.first[lut, COARSE]
        wanted[0] += 1
        cells.slots[at] = ASKED
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
    share, chi2 = accept(
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
def _believed(best: Float64, start: Float64, n_checked: int) -> bool:
    """Whether the best result explains enough, and leaves over no more than usual for this bead."""
    if not best[0] >= start[LEAST]:
        return False
    # A sum of n squares has this spread; a neighbour or another bead leaves over more.
    usual = _UNUSUAL * start[USUAL] + 4 * math.sqrt(2 / n_checked)
    return bool(start[FRESH] > 0 or best[7] <= usual)


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
    if start[FRESH] > 0:
        start[USUAL] = max(start[USUAL], best[7])
        start[FRESH] = 0.0


@kernel
def _write(
    number: int,
    ceiling: int,
    inherited: int,
    pool: Pool,
    best: Float64,
    with_sigma: bool,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> None:
    slot = int(best[5])
    # Signal rises with the gain, shot noise with its root; a misfit makes numbers less certain by its root.
    known = with_sigma and not inherited & _OVERLAPPED
    scale = math.sqrt(max(best[7], 1.0) / best[4]) if known else math.nan
    columns[X, number], columns[Y, number], columns[Z, number] = best[1], best[2], best[3]
    columns[SIGMA_X, number] = pool.numbers[slot, SIGMAS] * scale
    columns[SIGMA_Y, number] = pool.numbers[slot, SIGMAS + 1] * scale
    columns[SIGMA_Z, number] = pool.numbers[slot, SIGMAS + 2] * scale
    columns[QUALITY, number] = best[0]
    flags[number] = inherited | (_SATURATED if best[6] >= ceiling else 0)


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

    `starts` is what is remembered of the beads, see the module `starts`. Beads without Z-LUT are left out.

    Returns DONE, or what the ROI at the cursor needs: NEEDS_REFERENCE, then the same ROI again; NEEDS_FULL:
    it is beyond this method.
    """
    n_beads = rois.shape[0]
    start, nothing = np.empty(3), np.zeros(1, np.int64)
    while cursor[0] < stop_bead:
        bead = cursor[0]
        lut, corner = lut_of_bead[bead], rois[bead]
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
            if not _believed(scratch.best, starts[bead], pool.check.shape[1]):
                _try_again(
                    frame, lut, corner, ceiling, cells, pool, radials, scratch, settings, start, nothing
                )  # fmt: skip
            if not _believed(scratch.best, starts[bead], pool.check.shape[1]):
                return NEEDS_FULL
            number = cursor[1] * n_beads + bead
            inherited = int(starts[bead, INHERITED])
            _write(number, ceiling, inherited, pool, scratch.best, with_sigma, columns, flags)
            _follow(starts[bead], scratch.best)
            cursor[1] += 1
        cursor[0] += 1
        cursor[1] = 0
    return DONE
