"""Compiled loop of the method "fast": cell, reference, four dot products, position; again if need be."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import lean_kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_X, SIGMA_Y, SIGMA_Z, X, Y, Z
from magscope_app.tracking.fast_arrays import (
    ASKED,
    CELLS_PER_PX,
    COARSE,
    FINE,
    GOOD,
    REFUSED,
    SPAN_PX,
    UNKNOWN,
    WIDE,
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
from magscope_app.tracking.window_kernels import (
    Frame,
    copy_rows,
    copy_window,
    four_dots,
    highest_level,
    window_centre,
    window_start,
)

#: The references in coarse, in fine and in wide cells.
Pools = tuple[Pool, Pool, Pool]
#: What the loop says of a ROI, and of a call.
DONE, NEEDS_REFERENCE, NEEDS_FULL = 0, 1, 2

_MAX_STEPS = 6
_LONGEST_PX, _LONGEST_NM = 0.8, 80.0
#: How far from its cell's centre, in half cells, a result is still final.
_FINAL = 1.1
#: A bead is looked for where it was on average lately: this share of each move is followed.
_FOLLOWED = 0.25
_FAR_PX, _FAR_NM = 1.0, 150.0
#: A result that leaves over this many times what is usual for the bead is looked into.
_UNUSUAL = 1.5
_SATURATED = int(TrackFlag.SATURATED)
_OVERLAPPED = int(TrackFlag.OVERLAPPED)


@lean_kernel
def _slot(
    level: int, lut: int, x: float, y: float, z: float, cells: Cells, place: Float64, wanted: Int64
) -> int:
    """Return the slot of the cell around (x, y) px from the window's middle and z nm, or a negative entry.

    `place` gets the cell's centre, half widths, and how far its polynomial is good; a cell not asked for yet
    goes on the list `wanted`.
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
    place[8] = GOOD[level]
    at = cells.first[lut, level] + (layer * n + row) * n + column
    slot = cells.slots[at]
    if slot == UNKNOWN and 2 * wanted[0] + 2 < wanted.shape[0]:
        wanted[1 + 2 * wanted[0]] = lut
        wanted[2 + 2 * wanted[0]] = at - cells.first[lut, COARSE]
        wanted[0] += 1
        cells.slots[at] = ASKED
    return int(slot)


@lean_kernel
def _best_slot(
    level: int,
    lut: int,
    x: float,
    y: float,
    z: float,
    cells: Cells,
    place: Float64,
    wanted: Int64,
    complete: bool,
) -> tuple[int, int]:
    """Return slot and kind of the finest reference that there is; `level` is COARSE, or FINE for the best."""
    asked = wanted[0]
    slot, used = REFUSED, level
    if level == FINE:
        slot = _slot(FINE, lut, x, y, z, cells, place, wanted)
        if slot == REFUSED:
            used = WIDE
            slot = _slot(WIDE, lut, x, y, z, cells, place, wanted)
    if slot < 0 and not (complete and wanted[0] > asked):
        used = COARSE
        slot = _slot(COARSE, lut, x, y, z, cells, place, wanted)
    return slot, used


@lean_kernel
def _move(numbers: Float64, scratch: Scratch) -> tuple[bool, bool]:
    """Move `place[5:8]` to where the answers in `forces` say; return if it is well known, and if final."""
    forces, terms, place = scratch.forces, scratch.terms, scratch.place
    scratch.halves[0], scratch.halves[1] = place[3], place[4]
    linear(numbers, forces, scratch.halves)
    farthest = max(abs(forces[0]), abs(forces[1]), abs(forces[2]))
    if not farthest <= place[8]:
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


@lean_kernel
def _descend(
    frame: Frame,
    x: float,
    y: float,
    z: float,
    lut: int,
    cells: Cells,
    pools: Pools,
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
    slot, used, x0, y0 : int
        Last reference, the size of its cell, and the corner of the window.
    """
    size = settings.size
    place = scratch.place
    middle = 0.5 * (size - 1)
    low, high = cells.low_nm[lut] + 1.0, cells.low_nm[lut] + cells.n_z[lut] * cells.width_nm[lut] - 1.0
    x0 = y0 = slot = 0
    used = level = COARSE
    for _ in range(_MAX_STEPS):
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            return NEEDS_FULL, slot, used, x0, y0
        x0 = window_start(x, size, frame.shape[1])
        y0 = window_start(y, size, frame.shape[0])
        z = min(max(z, low), high)
        asked = wanted[0]
        slot, used = _best_slot(
            level, lut, x - x0 - middle, y - y0 - middle, z, cells, place, wanted, complete
        )  # fmt: skip
        if complete and wanted[0] > asked:
            return NEEDS_REFERENCE, slot, used, x0, y0
        if slot < 0:
            return NEEDS_FULL, slot, used, x0, y0
        window = scratch.sparse if used == COARSE else scratch.window
        every = settings.coarse_every if used == COARSE else 1
        n = copy_rows(frame, x0, y0, size, every, settings.shift, window)
        four_dots(window, pools[used].rows[slot], n, settings.at_a_time, scratch.forces)
        good, final = _move(pools[used].numbers[slot], scratch)
        x = x0 + middle + place[5]
        y = y0 + middle + place[6]
        z = place[7]
        if final and level == FINE:
            place[5], place[6] = x, y
            return DONE, slot, used, x0, y0
        if good:
            level = FINE
    return NEEDS_FULL, slot, used, x0, y0


@lean_kernel
def _try(
    frame: Frame,
    start: Float64,
    lut: int,
    corner: Int64,
    ceiling: int,
    cells: Cells,
    pools: Pools,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    wanted: Int64,
    complete: bool,
) -> int:
    """Descend from a start; if the result is the best so far, keep it in `scratch.best`."""
    what, slot, used, x0, y0 = _descend(
        frame, start[0], start[1], start[2], lut, cells, pools, scratch, settings, wanted, complete
    )
    if what != DONE:
        return what
    best = scratch.best
    if used == COARSE:
        copy_rows(frame, x0, y0, settings.size, 1, settings.shift, scratch.window)
    highest = highest_level(scratch.window, settings.shift)
    share, chi2 = accept(
        slot, x0, y0, highest, ceiling, lut, corner, cells, pools[used], radials, scratch, settings
    )  # fmt: skip
    if share > best[0]:
        best[0], best[7] = share, chi2
        best[1], best[2], best[3] = scratch.place[5], scratch.place[6], scratch.place[7]
        best[4], best[5], best[6], best[8] = scratch.forces[3], slot, highest, used
    return DONE


@lean_kernel
def _try_layers(
    frame: Frame,
    x: float,
    y: float,
    lut: int,
    corner: Int64,
    ceiling: int,
    cells: Cells,
    pools: Pools,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    start: Float64,
    nothing: Int64,
) -> None:
    """Descend from (x, y) in every second layer that has a reference there."""
    size = settings.size
    middle = 0.5 * (size - 1)
    u = x - window_start(x, size, frame.shape[1]) - middle
    v = y - window_start(y, size, frame.shape[0]) - middle
    for layer in range(0, cells.n_z[lut], 2):
        z = cells.low_nm[lut] + (layer + 0.5) * cells.width_nm[lut]
        if _slot(COARSE, lut, u, v, z, cells, scratch.place, nothing) >= 0:
            start[0], start[1], start[2] = x, y, z
            _try(frame, start, lut, corner, ceiling, cells, pools, radials, scratch, settings, nothing, False)


@lean_kernel
def _try_again(
    frame: Frame,
    lut: int,
    corner: Int64,
    ceiling: int,
    cells: Cells,
    pools: Pools,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    known: Float64,
    start: Float64,
    nothing: Int64,
) -> None:
    """Descend from other z where the bead was, and if need be from its centre of mass."""
    if math.isfinite(known[0]) and math.isfinite(known[1]):
        _try_layers(
            frame,
            known[0],
            known[1],
            lut,
            corner,
            ceiling,
            cells,
            pools,
            radials,
            scratch,
            settings,
            start,
            nothing,
        )
        if _believed(scratch.best, known, pools[FINE].check.shape[1]):
            return
    copy_window(frame, corner[0], corner[1], settings.size, settings.shift, scratch.window)
    x, y = window_centre(scratch.window, settings.size)
    x += corner[0]
    y += corner[1]
    _try_layers(frame, x, y, lut, corner, ceiling, cells, pools, radials, scratch, settings, start, nothing)


@lean_kernel
def _finish(
    frame: Frame,
    lut: int,
    corner: Int64,
    ceiling: int,
    cells: Cells,
    pools: Pools,
    radials: Radials,
    scratch: Scratch,
    settings: Settings,
    wanted: Int64,
    complete: bool,
) -> int:
    """Descend with all pixels from the best result, if that was found with those of coarse references."""
    best, start = scratch.best, scratch.start
    if best[8] != COARSE or not best[0] > 0:
        return DONE
    best[0] = 0.0
    start[0], start[1], start[2] = best[1], best[2], best[3]
    return _try(
        frame, start, lut, corner, ceiling, cells, pools, radials, scratch, settings, wanted, complete
    )  # fmt: skip


@lean_kernel
def _believed(best: Float64, start: Float64, n_checked: int) -> bool:
    """Whether the best result explains enough, and leaves over no more than usual for this bead."""
    if not best[0] >= start[LEAST]:
        return False
    # A sum of n squares has this spread; a neighbour or another bead leaves over more.
    spread = 4 * math.sqrt(2 / n_checked)
    if start[FRESH] > 0:
        # What is usual is not known: the full fit before told of the bead, or noise alone must do.
        return bool(math.isfinite(start[0]) or best[7] <= _UNUSUAL + spread)
    return bool(best[7] <= _UNUSUAL * start[USUAL] + spread)


@lean_kernel
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


@lean_kernel
def _write(
    number: int,
    ceiling: int,
    inherited: int,
    pools: Pools,
    best: Float64,
    with_sigma: bool,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> None:
    numbers = pools[int(best[8])].numbers[int(best[5])]
    # Signal rises with the gain, shot noise with its root; a misfit makes numbers less certain by its root.
    known = with_sigma and not inherited & _OVERLAPPED
    scale = math.sqrt(max(best[7], 1.0) / best[4]) if known else math.nan
    columns[X, number], columns[Y, number], columns[Z, number] = best[1], best[2], best[3]
    columns[SIGMA_X, number] = numbers[SIGMAS] * scale
    columns[SIGMA_Y, number] = numbers[SIGMAS + 1] * scale
    columns[SIGMA_Z, number] = numbers[SIGMAS + 2] * scale
    columns[QUALITY, number] = best[0]
    flags[number] = inherited | (_SATURATED if best[6] >= ceiling else 0)


@lean_kernel
def align(
    frames: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    rois: Int64,
    lut_of_bead: Int64,
    ceiling: int,
    with_sigma: bool,
    stop_bead: int,
    cells: Cells,
    pools: Pools,
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
    start, nothing = scratch.start, scratch.nothing
    while cursor[0] < stop_bead:
        bead = cursor[0]
        lut, corner = lut_of_bead[bead], rois[bead]
        while lut >= 0 and cursor[1] < frames.shape[0]:
            frame = frames[cursor[1]]
            scratch.best[0] = 0.0
            start[0], start[1], start[2] = starts[bead, 0], starts[bead, 1], starts[bead, 2]
            what = _try(
                frame, start, lut, corner, ceiling, cells, pools, radials, scratch, settings, wanted, complete
            )  # fmt: skip
            if what == NEEDS_REFERENCE:
                return NEEDS_REFERENCE
            if not _believed(scratch.best, starts[bead], pools[FINE].check.shape[1]):
                _try_again(
                    frame, lut, corner, ceiling, cells, pools, radials, scratch, settings, starts[bead],
                    start, nothing,
                )  # fmt: skip
                what = _finish(
                    frame, lut, corner, ceiling, cells, pools, radials, scratch, settings, wanted, complete
                )
                if what == NEEDS_REFERENCE:
                    return NEEDS_REFERENCE
            if not _believed(scratch.best, starts[bead], pools[FINE].check.shape[1]):
                return NEEDS_FULL
            number = cursor[1] * n_beads + bead
            inherited = int(starts[bead, INHERITED])
            _write(number, ceiling, inherited, pools, scratch.best, with_sigma, columns, flags)
            _follow(starts[bead], scratch.best)
            cursor[1] += 1
        cursor[0] += 1
        cursor[1] = 0
    return DONE
