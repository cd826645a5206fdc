"""Compiled check of a result of the method "fast": how much of the bead the model explains there."""

from __future__ import annotations

import math

import numpy as np

from magscope_app.kernels import lean_kernel
from magscope_app.tracking.fast_arrays import (
    Float32,
    Float64,
    Int64,
    Radials,
    Roi,
    Scratch,
    Settings,
    Tools,
)
from magscope_app.tracking.lut_kernels import spline_weights
from magscope_app.tracking.reference_kernels import CLIPS, SIGNAL

#: Sums that `_add_sums` writes, and which of them is the frame's level less the model's.
N_SUMS = 12
LEVEL = 11
#: Pixels of a row from one that tells the level to the next.
_LEVEL_EVERY = 4
#: A bead so much brighter than in the sweep may clip where it did not there.
_BRIGHTER = 1.02


@lean_kernel
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


@lean_kernel
def _look_up(n_rows: int, x: float, y: float, scratch: Scratch, settings: Settings) -> None:
    """Write the Z-LUT's level at the pixels of the rows that are compared."""
    size, every = settings.size, settings.check_every
    table, below, parts, levels = scratch.table, scratch.below, scratch.parts, scratch.levels
    last, at_x, steps = np.float32(table.shape[0] - 2), np.float32(x), np.float32(settings.steps_per_px)
    for i in range(n_rows):
        dy = np.float32(i * every + every // 2 - y)
        square, start = np.float32(dy * dy), np.uint64(i * size)
        for column in range(size):
            dx = np.float32(column) - at_x
            at = min(np.sqrt(dx * dx + square) * steps, last)
            k = np.int32(at)
            below[start + np.uint64(column)] = k
            parts[start + np.uint64(column)] = at - np.float32(k)
    # A loop of its own that could end early, which it never does: only then the compiler takes plain loads
    # and not the vectors' gather instructions, which are many times slower on some processors.
    for j in range(n_rows * size):
        cell = np.uint64(below[np.uint64(j)])
        if cell >= np.uint64(table.shape[0] - 1):
            break
        low = table[cell]
        levels[np.uint64(j)] = low + parts[np.uint64(j)] * (table[cell + np.uint64(1)] - low)


@lean_kernel
def _level(n_rows: int, gain: float, check: Float32, scratch: Scratch, settings: Settings) -> float:
    """Return the frame's level less the model's, in some pixels of the middle row; 0 where none is seen.

    The sweep may have had another black level. As weights need it only roughly, these pixels are enough.
    """
    window, levels = scratch.window, scratch.levels
    light, shift = np.float32(gain), np.float32(settings.shift)
    size, every, row = settings.size, settings.check_every, n_rows // 2
    start, at = np.uint64(row * size), np.uint64((row * every + every // 2) * size)
    n = total = np.float32(0)
    for column in range(0, size, _LEVEL_EVERY):
        j = start + np.uint64(column)
        rest = np.float32(window[at + np.uint64(column)]) + shift - light * (levels[j] + check[j])
        n += np.float32(1) if rest == rest else np.float32(0)
        total += rest if rest == rest else np.float32(0)
    return float(total / n) if n > 0 else 0.0


@lean_kernel
def _add_sums(
    n_rows: int, gain: float, check: Float32, noise: Float64, scratch: Scratch, settings: Settings
) -> None:
    """Write into `sums` the number of pixels, and weighted sums of 1, u, u², e, ue, e², v, v², uv and ve.

    e is what the model leaves over, u and v are column and row from the middle of the window. The last one,
    `LEVEL`, is how far the frame lies above the model, which is taken off e.
    """
    size, every = settings.size, settings.check_every
    window, levels, sums = scratch.window, scratch.levels, scratch.sums
    middle, light, shift = np.float32(0.5 * (size - 1)), np.float32(gain), np.float32(settings.shift)
    e_gain, dark = np.float32(noise[0]), np.float32(noise[1])
    floor = np.float32(noise[2] + gain * gain * noise[3])
    sums[:] = 0.0
    sums[LEVEL] = _level(n_rows, gain, check, scratch, settings)
    level = np.float32(sums[LEVEL])
    for i in range(n_rows):
        row = i * every + every // 2
        v, start, at = row - 0.5 * (size - 1), np.uint64(i * size), np.uint64(row * size)
        n = s_w = s_u = s_uu = s_e = s_ue = s_ee = np.float32(0)
        for column in range(size):
            j = start + np.uint64(column)
            extra = check[j]
            seen = extra == extra
            model = light * (levels[j] + extra) + level
            rest = np.float32(window[at + np.uint64(column)]) + shift - model
            weight = np.float32(1) / (e_gain * max(model - dark, np.float32(0)) + floor)
            w = weight if seen else np.float32(0)
            e = rest if seen else np.float32(0)
            u = np.float32(column) - middle
            n += np.float32(1) if seen else np.float32(0)
            s_w += w
            s_u += w * u
            s_uu += w * u * u
            s_e += w * e
            s_ue += w * u * e
            s_ee += w * e * e
        sums[0] += n
        sums[1] += s_w
        sums[2] += s_u
        sums[3] += s_uu
        sums[4] += s_e
        sums[5] += s_ue
        sums[6] += s_ee
        sums[7] += v * s_w
        sums[8] += v * v * s_w
        sums[9] += v * s_u
        sums[10] += v * s_e


@lean_kernel
def misfit(
    x: float, y: float, z: float, gain: float, lut: int, check: Float32, tools: Tools
) -> float:  # fmt: skip
    """Return χ² per freedom of the model, with a background plane, on some rows of the window."""
    scratch, settings, radials = tools.scratch, tools.settings, tools.radials
    n_rows = check.shape[0] // settings.size
    _blend(radials, lut, z, scratch.table)
    _look_up(n_rows, x, y, scratch, settings)
    _add_sums(n_rows, gain, check, radials.noise[lut], scratch, settings)
    sums = scratch.sums
    n, s_w, s_u, s_uu, s_e, s_ue, s_ee = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]
    s_v, s_vv, s_uv, s_ve = sums[7], sums[8], sums[9], sums[10]
    if n < settings.size:
        return math.inf
    # What offset and plane explain, one after the other, each freed of those before.
    s_uu -= s_u * s_u / s_w
    s_vv -= s_v * s_v / s_w
    s_uv -= s_u * s_v / s_w
    s_ue -= s_u * s_e / s_w
    s_ve -= s_v * s_e / s_w
    s_vv -= s_uv * s_uv / s_uu
    s_ve -= s_uv * s_ue / s_uu
    explained = s_e * s_e / s_w + s_ue * s_ue / s_uu + s_ve * s_ve / s_vv
    return float(max(s_ee - explained, 0.0) / (n - 3))


@lean_kernel
def _inside_roi(x: float, y: float, corner: Int64, size: int) -> bool:
    """Whether the bead is so well inside its ROI that at least half of its profile fits."""
    room = min(min(x - corner[0], y - corner[1]), min(corner[0] + size - 1 - x, corner[1] + size - 1 - y))
    return bool(room >= 0.25 * size)


@lean_kernel
def accept(
    slot: int, used: int, x0: int, y0: int, highest: int, roi: Roi, tools: Tools
) -> tuple[float, float]:
    """Return the share of the signal that the result in `scratch.place[5:8]` explains, and its χ².

    The result comes from the reference `slot` of the kind `used`, in the window at (x0, y0) whose highest
    grey level is `highest`. The share is 0 if it cannot be right.
    """
    scratch, cells, lut = tools.scratch, tools.cells, roi.lut
    pool = tools.pools[used]
    x, y, z = scratch.place[5], scratch.place[6], scratch.place[7]
    gain = scratch.forces[3]
    top = cells.low_nm[lut] + cells.n_z[lut] * cells.width_nm[lut]
    if not cells.low_nm[lut] < z < top:
        return 0.0, math.inf
    if not gain > 0 or not _inside_roi(x, y, roi.corner, tools.settings.size):
        return 0.0, math.inf
    # The reference leaves out what clips at the brightness of the sweep, the full fit at any.
    if highest >= roi.ceiling and (pool.numbers[slot, CLIPS] == 0 or gain > _BRIGHTER):
        return 0.0, math.inf
    chi2 = misfit(x - x0, y - y0, z, gain, lut, pool.check[slot], tools)
    # The noise is that of this frame, whose light and grey scale may be others than the sweep's.
    signal = gain * gain * pool.numbers[slot, SIGNAL] * scratch.sums[1] / scratch.sums[0]
    return signal / (signal + max(chi2 - tools.radials.noise[lut, 4], 0.0)), chi2
