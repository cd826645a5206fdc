"""Compiled loop of the method "fast": cell, reference, four dot products, position; again if need be."""

from __future__ import annotations

import math

from magscope_app.kernels import lean_kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_X, X, Y, Z
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
    Float64,
    Int64,
    Roi,
    Scratch,
    Task,
    Tools,
)
from magscope_app.tracking.fast_check_kernels import LEVEL, accept
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.reference_kernels import BY_FLOOR, BY_LIGHT, N_TERMS, POLYNOMIAL, linear, monomials
from magscope_app.tracking.starts import (
    FRESH,
    INHERITED,
    LEARNT,
    LEAST,
    OFTEN,
    RECENT,
    SETTLED,
    SINCE,
    SPOKEN,
    USUAL,
)
from magscope_app.tracking.window_kernels import (
    copy_rows,
    copy_window,
    four_dots,
    highest_level,
    window_centre,
    window_start,
)

#: What the loop says of a ROI, and of a call.
DONE, NEEDS_REFERENCE, NEEDS_FULL, NEEDS_REVIEW = 0, 1, 2, 3

_MAX_STEPS = 6
_LONGEST_PX, _LONGEST_NM = 0.8, 80.0
#: How far from its cell's centre, in half cells, a result is still final.
_FINAL = 1.1
#: A bead is looked for where it was on average lately: this share of each move is followed.
_FOLLOWED = 0.25
_FAR_PX, _FAR_NM = 1.0, 150.0
#: A result that leaves over this many times what is usual for the bead is looked into.
_UNUSUAL = 1.2
#: Flags that a full fit gave are reviewed by another after so many results, and after so few if they leave
#: over clearly less than was usual.
REVIEWED_AFTER, _REVIEWED_SOON_AFTER = 64, 8
#: What carries no flag is compared with a full fit after so many results, which costs 1 to 2 % of the time.
COMPARED_AFTER = 8192
#: Before that a bead is on trial, when it is new or leaves over more than noise: this many results, one after
#: the other, are compared. One that goes on to leave over more, but carries no flag, is compared after this
#: many more, and twice as many each time up to this verdict.
ON_TRIAL, _COMPARED_SOONER_AFTER, MOST_SPOKEN = 8, 16, 12
#: What a clean bead leaves over is learned from so many results, then compared with a running mean to which
#: each result adds this share.
_LEARNT_FROM, _ADDED = 32, 1 / 16
#: A bead is on trial again if the running mean is higher by this share, and by five standard deviations of
#: the difference (1/31 and 1/32 of one result's variance), of which `by_noise` has four.
_RISEN, _RISEN_BY_NOISE = 0.02, 1.25 * math.sqrt(1 / 31 + 1 / 32)
_SATURATED = int(TrackFlag.SATURATED)
_OVERLAPPED = int(TrackFlag.OVERLAPPED)


@lean_kernel
def _slot(level: int, lut: int, x: float, y: float, z: float, tools: Tools) -> int:
    """Return the slot of the cell around (x, y) px from the window's middle and z nm, or a negative entry.

    `scratch.place` gets the cell's centre, half widths, and how far its polynomial is good; a cell not asked
    for yet goes on the list `wanted`.
    """
    cells, place, wanted = tools.cells, tools.scratch.place, tools.wanted
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
    # What is to be made beside the line is made now if there is time again.
    missing = slot == UNKNOWN or (tools.complete and slot == ASKED)
    if missing and 2 * wanted[0] + 2 < wanted.shape[0]:
        wanted[1 + 2 * wanted[0]] = lut
        wanted[2 + 2 * wanted[0]] = at - cells.first[lut, COARSE]
        wanted[0] += 1
        cells.slots[at] = ASKED
    return int(slot)


@lean_kernel
def _best_slot(level: int, lut: int, x: float, y: float, z: float, tools: Tools) -> tuple[int, int]:
    """Return slot and kind of the finest reference that there is; `level` is COARSE, or FINE for the best."""
    wanted = tools.wanted
    asked = wanted[0]
    slot, used = REFUSED, level
    if level == FINE:
        slot = _slot(FINE, lut, x, y, z, tools)
        if slot == REFUSED:
            used = WIDE
            slot = _slot(WIDE, lut, x, y, z, tools)
    if slot < 0 and not (tools.complete and wanted[0] > asked):
        used = COARSE
        slot = _slot(COARSE, lut, x, y, z, tools)
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
def _read(roi: Roi, x0: int, y0: int, slot: int, used: int, tools: Tools) -> None:
    """Copy the window at (x0, y0) and let the reference answer: its four dot products go into `forces`."""
    scratch, settings = tools.scratch, tools.settings
    window = scratch.sparse if used == COARSE else scratch.window
    every = settings.coarse_every if used == COARSE else 1
    n = copy_rows(roi.frame, x0, y0, settings.size, every, settings.shift, window)
    four_dots(window, tools.pools[used].rows[slot], n, settings.at_a_time, scratch.forces)


@lean_kernel
def _descend(roi: Roi, x: float, y: float, z: float, tools: Tools) -> tuple[int, int, int, int, int]:
    """Go from a start (px in the frame, nm) to the bead, whose place goes into `scratch.place[5:8]`.

    Returns
    -------
    what : int
        DONE, NEEDS_REFERENCE or NEEDS_FULL.
    slot, used, x0, y0 : int
        Last reference, the size of its cell, and the corner of the window.
    """
    cells, lut, place, wanted = tools.cells, roi.lut, tools.scratch.place, tools.wanted
    size = tools.settings.size
    middle = 0.5 * (size - 1)
    low, high = cells.low_nm[lut] + 1.0, cells.low_nm[lut] + cells.n_z[lut] * cells.width_nm[lut] - 1.0
    x0 = y0 = slot = 0
    used = level = COARSE
    for _ in range(_MAX_STEPS):
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            return NEEDS_FULL, slot, used, x0, y0
        x0 = window_start(x, size, roi.bounds[0], roi.bounds[2])
        y0 = window_start(y, size, roi.bounds[1], roi.bounds[3])
        z = min(max(z, low), high)
        asked = wanted[0]
        slot, used = _best_slot(level, lut, x - x0 - middle, y - y0 - middle, z, tools)
        if tools.complete and wanted[0] > asked:
            return NEEDS_REFERENCE, slot, used, x0, y0
        if slot < 0:
            return NEEDS_FULL, slot, used, x0, y0
        _read(roi, x0, y0, slot, used, tools)
        good, final = _move(tools.pools[used].numbers[slot], tools.scratch)
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
def _try(roi: Roi, x: float, y: float, z: float, tools: Tools) -> int:
    """Descend from a start; if the result is the best so far, keep it in `scratch.best`."""
    scratch, settings = tools.scratch, tools.settings
    what, slot, used, x0, y0 = _descend(roi, x, y, z, tools)
    if what != DONE:
        return what
    best = scratch.best
    if used == COARSE:
        copy_rows(roi.frame, x0, y0, settings.size, 1, settings.shift, scratch.window)
    highest = highest_level(scratch.window, settings.shift)
    share, chi2 = accept(slot, used, x0, y0, highest, roi, tools)
    if share > best[0]:
        best[0], best[7] = share, chi2
        best[1], best[2], best[3] = scratch.place[5], scratch.place[6], scratch.place[7]
        best[4], best[5], best[6], best[8] = scratch.forces[3], slot, highest, used
        best[9] = scratch.sums[LEVEL] + scratch.sums[4] / scratch.sums[1]
    return DONE


@lean_kernel
def _try_layers(roi: Roi, x: float, y: float, tools: Tools) -> None:
    """Descend from (x, y) in every second layer that has a reference there."""
    cells, lut, size = tools.cells, roi.lut, tools.settings.size
    middle = 0.5 * (size - 1)
    u = x - window_start(x, size, roi.bounds[0], roi.bounds[2]) - middle
    v = y - window_start(y, size, roi.bounds[1], roi.bounds[3]) - middle
    for layer in range(0, cells.n_z[lut], 2):
        z = cells.low_nm[lut] + (layer + 0.5) * cells.width_nm[lut]
        if _slot(COARSE, lut, u, v, z, tools) >= 0:
            _try(roi, x, y, z, tools)


@lean_kernel
def _try_again(roi: Roi, start: Float64, tools: Tools) -> None:
    """Descend from other z where the bead was, and if need be from its centre of mass."""
    if math.isfinite(start[0]) and math.isfinite(start[1]):
        _try_layers(roi, start[0], start[1], tools)
        if _believed(start, tools):
            return
    size, window = tools.settings.size, tools.scratch.window
    copy_window(roi.frame, roi.corner[0], roi.corner[1], size, tools.settings.shift, window)
    x, y = window_centre(window, size)
    _try_layers(roi, x + roi.corner[0], y + roi.corner[1], tools)


@lean_kernel
def _finish(roi: Roi, tools: Tools) -> int:
    """Descend once more from the best result, which hides with which references it was found."""
    best = tools.scratch.best
    if not best[0] > 0:
        return DONE
    best[0] = 0.0
    return _try(roi, best[1], best[2], best[3], tools)


@lean_kernel
def _believed(start: Float64, tools: Tools) -> bool:
    """Whether the best result explains enough, and leaves over no more than usual for this bead."""
    best = tools.scratch.best
    if not best[0] >= start[LEAST]:
        return False
    usual = max(start[USUAL], 1.0) if start[FRESH] > 0 else start[USUAL]
    if not start[SPOKEN] > 0:
        # Noise alone must do: else "full" is asked, and what it does not flag is usual from then on.
        usual = min(usual, 1.0)
    return bool(best[7] <= _UNUSUAL * usual + tools.settings.by_noise - 1)


@lean_kernel
def _has_risen(start: Float64, chi2: float, by_noise: float) -> bool:
    """Whether a clean bead leaves over more than it used to; it is on trial again then.

    True also when what is usual was just learned: "full" must have seen that it was learned of a clean bead.
    """
    if start[LEARNT] < _LEARNT_FROM:
        start[LEARNT] += 1
        start[SETTLED] += (chi2 - start[SETTLED]) / start[LEARNT]
        start[RECENT] = start[SETTLED]
        return bool(start[LEARNT] >= _LEARNT_FROM)
    start[RECENT] += _ADDED * (chi2 - start[RECENT])
    if not start[RECENT] > start[SETTLED] * (1 + _RISEN + _RISEN_BY_NOISE * (by_noise - 1)):
        return False
    # Clean so far counts as one verdict.
    start[SPOKEN], start[OFTEN] = 1.0, 0.0
    return True


@lean_kernel
def _is_due(start: Float64, tools: Tools) -> bool:
    """Whether a full fit should look again if what it said of this bead still holds."""
    start[SINCE] += 1
    if not start[SPOKEN] > 0:
        if start[SINCE] >= COMPARED_AFTER:
            start[LEARNT] = 0.0
            return True
        # An image that "full" just judged is not counted twice.
        return bool(start[SINCE] > 0 and _has_risen(start, tools.scratch.best[7], tools.settings.by_noise))
    if start[SPOKEN] < ON_TRIAL:
        return bool(start[SINCE] > 0)
    if not start[INHERITED] > 0:
        return bool(start[SINCE] >= _COMPARED_SOONER_AFTER * 2.0 ** (start[SPOKEN] - ON_TRIAL))
    spread = 2 * math.sqrt(2 / tools.pools[FINE].check.shape[1])
    less = tools.scratch.best[7] < 0.5 * (1 + start[USUAL]) - spread
    return bool(start[SINCE] >= REVIEWED_AFTER or (less and start[SINCE] >= _REVIEWED_SOON_AFTER))


@lean_kernel
def _follow(start: Float64, best: Float64, most: float) -> None:
    """Move a bead's start towards its last place: by a quarter, or at once if it went far."""
    far = not (
        abs(best[1] - start[0]) < _FAR_PX
        and abs(best[2] - start[1]) < _FAR_PX
        and abs(best[3] - start[2]) < _FAR_NM
    )
    for a in range(3):
        start[a] = best[1 + a] if far else start[a] + _FOLLOWED * (best[1 + a] - start[a])
    if start[FRESH] > 0:
        # What is more than noise is usual only where "full" says so of the same image.
        start[USUAL] = max(start[USUAL], min(best[7], most))
        start[FRESH] = 0.0


@lean_kernel
def _write(number: int, lut: int, inherited: int, task: Task, tools: Tools) -> None:
    """Write the best result as that of ROI number `number`."""
    best, columns = tools.scratch.best, task.columns
    numbers = tools.pools[int(best[8])].numbers[int(best[5])]
    if best[8] == COARSE:
        tools.scratch.n_coarse[0] += 1
    known = task.with_sigma and not inherited & _OVERLAPPED
    columns[X, number], columns[Y, number], columns[Z, number] = best[1], best[2], best[3]
    gain, noise = best[4], tools.radials.noise[lut]
    # A frame's level is gain times the Z-LUT's and its own offset: its noise follows from both.
    floor = noise[2] + gain * gain * noise[3]
    dark = noise[0] * (best[9] - noise[1])
    for a in range(3):
        flat = numbers[BY_FLOOR + a]
        variance = max(noise[0] * gain * numbers[BY_LIGHT + a] + dark * flat, 0.0) + floor * flat
        # A misfit makes numbers less certain by its root.
        sigma = math.sqrt(variance * max(best[7], 1.0)) / gain
        columns[SIGMA_X + a, number] = sigma if known else math.nan
    columns[QUALITY, number] = best[0]
    task.flags[number] = inherited | (_SATURATED if best[6] >= task.ceiling else 0)


@lean_kernel
def _search(roi: Roi, start: Float64, tools: Tools, made: Tools) -> int:
    """Find one bead and leave it in `scratch.best`; `made` are the tools for what is there already."""
    tools.scratch.best[0] = 0.0
    if _try(roi, start[0], start[1], start[2], tools) == NEEDS_REFERENCE:
        return NEEDS_REFERENCE
    if _believed(start, tools):
        return DONE
    _try_again(roi, start, made)
    if _finish(roi, tools) == NEEDS_REFERENCE:
        return NEEDS_REFERENCE
    return DONE if _believed(start, tools) else NEEDS_FULL


@lean_kernel
def align(task: Task, stop_bead: int, cursor: Int64, tools: Tools) -> int:
    """Track beads, one after the other through all frames, from `cursor` (bead, frame) on.

    `task.starts` is what is remembered of the beads, see the module `starts`. Beads without Z-LUT are left
    out.

    Returns DONE, or what the ROI at the cursor needs: NEEDS_REFERENCE, then the same ROI again; NEEDS_FULL:
    it is beyond this method; NEEDS_REVIEW: it has a result, but "full" should look at it if there is time.
    """
    n_beads, n_frames = task.rois.shape[0], task.frames.shape[0]
    nothing = tools.scratch.nothing
    made = Tools(
        tools.cells, tools.pools, tools.radials, tools.scratch, tools.settings, nothing, False
    )  # fmt: skip
    while cursor[0] < stop_bead:
        bead = cursor[0]
        lut, corner, start = task.lut_of_bead[bead], task.rois[bead], task.starts[bead]
        while lut >= 0 and cursor[1] < n_frames:
            roi = Roi(task.frames[cursor[1]], corner, task.bounds[bead], lut, task.ceiling)
            what = _search(roi, start, tools, made)
            if what != DONE:
                return what
            _write(cursor[1] * n_beads + bead, lut, int(start[INHERITED]), task, tools)
            due = _is_due(start, tools)
            _follow(start, tools.scratch.best, tools.settings.by_noise)
            if due:
                return NEEDS_REVIEW
            cursor[1] += 1
        cursor[0] += 1
        cursor[1] = 0
    return DONE
