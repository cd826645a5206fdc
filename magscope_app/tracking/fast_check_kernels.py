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
def _row_sums(
    start: int,
    dy: float,
    x: float,
    gain: float,
    window: Window,
    check: Float32,
    table: Float32,
    noise: Float64,
    settings: Settings,
) -> tuple[float, float, float, float, float, float, float]:
    """Compare one row with the model: the number of pixels, and weighted sums of 1, u, u², e, u · e and e².

    e is what the model leaves over, u the column from the middle of the window.
    """
    size = settings.size
    last = np.float32(table.shape[0] - 2)
    steps = np.float32(settings.steps_per_px)
    middle, light, at_x = np.float32(0.5 * (size - 1)), np.float32(gain), np.float32(x)
    square, shift = np.float32(dy * dy), np.float32(settings.shift)
    e_gain, dark = np.float32(noise[0]), np.float32(noise[1])
    floor = np.float32(noise[2] + gain * gain * noise[3])
    n = s_w = s_u = s_uu = s_e = s_ue = s_ee = np.float32(0)
    # Nothing is stored in here: only then does the compiler look up whole vectors in the table.
    for column in range(size):
        dx = np.float32(column) - at_x
        at = min(np.sqrt(dx * dx + square) * steps, last)
        below = np.int32(at)
        k = np.uint32(below)
        level = table[k] + (at - np.float32(below)) * (table[k + np.uint32(1)] - table[k])
        extra = check[np.uint64(column)]
        seen = extra == extra
        model = light * (level + extra)
        rest = np.float32(window[np.uint64(start) + np.uint64(column)]) + shift - model
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
    return float(n), float(s_w), float(s_u), float(s_uu), float(s_e), float(s_ue), float(s_ee)


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
    """Return χ² per freedom of the model, with a background plane, on some rows of the window."""
    size, every = settings.size, settings.check_every
    middle = 0.5 * (size - 1)
    _blend(radials, lut, z, scratch.table)
    n = s_w = s_u = s_uu = s_e = s_ue = s_ee = s_v = s_vv = s_uv = s_ve = 0.0
    for i in range(check.shape[0] // size):
        row = i * every + every // 2
        v = row - middle
        count, w, u, uu, e, ue, ee = _row_sums(
            row * size,
            row - y,
            x,
            gain,
            scratch.window,
            check[i * size : (i + 1) * size],
            scratch.table,
            radials.noise[lut],
            settings,
        )
        n += count
        s_w += w
        s_u += u
        s_uu += uu
        s_e += e
        s_ue += ue
        s_ee += ee
        s_v += v * w
        s_vv += v * v * w
        s_uv += v * u
        s_ve += v * e
    if n < size:
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
    return max(s_ee - explained, 0.0) / (n - 3)


@kernel
def _inside_roi(x: float, y: float, corner: Int64, size: int) -> bool:
    """Whether the bead is so well inside its ROI that at least half of its profile fits."""
    room = min(min(x - corner[0], y - corner[1]), min(corner[0] + size - 1 - x, corner[1] + size - 1 - y))
    return bool(room >= 0.25 * size)


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
