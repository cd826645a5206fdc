"""Compiled check of a result of the method "fast": how much of the bead the model explains there."""

from __future__ import annotations

import math

import numpy as np

from magscope_app.kernels import kernel
from magscope_app.tracking.fast_arrays import (
    Cells,
    Float32,
    Float64,
    Int64,
    Pool,
    Radials,
    Scratch,
    Settings,
)
from magscope_app.tracking.lut_kernels import spline_weights
from magscope_app.tracking.reference_kernels import CLIPS, SIGNAL
from magscope_app.tracking.window_kernels import Window

#: A bead so much brighter than in the sweep may clip where it did not there.
_BRIGHTER = 1.02


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
            level + along_y * v,
            along_x,
            gain,
            scratch.rests[:, i * size : (i + 1) * size],
            radials.noise[lut],
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
def accept(
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
    # The reference leaves out what clips at the brightness of the sweep, the full fit at any.
    if highest >= ceiling and (pool.numbers[slot, CLIPS] == 0 or gain > _BRIGHTER):
        return 0.0, math.inf
    chi2 = misfit(x - x0, y - y0, z, gain, lut, pool.check[slot], radials, scratch, settings)
    # Light scales signal and shot noise alike.
    signal = gain * pool.numbers[slot, SIGNAL]
    return signal / (signal + max(chi2 - radials.noise[lut, 4], 0.0)), chi2
