"""Compiled starts of the full fit: brightness at a given place, and the likeliest z where none is known."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.lut_kernels import radial_at
from magscope_app.tracking.lut_shape import KNOTS_PER_PX

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Starts along z that are tried at most.
MAX_STARTS = 3
#: Every so many pixels along either axis are looked at.
_STRIDE = 2


class ScanWork(NamedTuple):
    """Arrays for fits from several z: scores by plane, the chosen planes, the best fit so far.

    `tried` has z and χ² per freedom of the start that was given and of the others.
    """

    scores: Float64
    planes: Float64
    tried: Float64
    unknowns: Float64
    inverse: Float64
    first_unknowns: Float64
    first_inverse: Float64


@kernel
def brightness(
    image: Float32, x: float, y: float, size: int, poly: Float64, limits: Float64
) -> tuple[float, float, float]:
    """Return gain and offset that bring the radial model nearest to the pixels, and their correlation²."""
    last = poly.shape[0] - 1
    n = 0
    s_m = s_p = s_mm = s_mp = s_pp = 0.0
    for row in range(0, size, _STRIDE):
        dy = row - y
        if not limits[2] <= dy <= limits[3]:
            continue
        pixels = image[row]
        for column in range(0, size, _STRIDE):
            dx = column - x
            at = math.sqrt(dx * dx + dy * dy) * KNOTS_PER_PX
            k = min(int(at), last)
            f = at - k
            if f > 1.0 or not limits[0] <= dx <= limits[1]:
                continue
            m = poly[k, 0] + f * (poly[k, 1] + f * (poly[k, 2] + f * poly[k, 3]))
            p = float(pixels[column])
            n += 1
            s_m += m
            s_p += p
            s_mm += m * m
            s_mp += m * p
            s_pp += p * p
    if n < 2:
        return 0.0, 0.0, 0.0
    mm, mp, pp = s_mm - s_m * s_m / n, s_mp - s_m * s_p / n, s_pp - s_p * s_p / n
    if not (mm > 0 and pp > 0 and mp > 0):
        return 0.0, 0.0, 0.0
    gain = mp / mm
    return gain, (s_p - gain * s_m) / n, mp * mp / (mm * pp)


@kernel
def likely_planes(
    image: Float32,
    x: float,
    y: float,
    size: int,
    radial: Float64,
    limits: Float64,
    spline: Float64,
    poly: Float64,
    poly_z: Float64,
    scan: ScanWork,
) -> int:
    """Write the planes, at most `MAX_STARTS`, at which the correlation with the pixels is highest.

    They are maxima along z, so that different rings are tried and not neighbouring planes.
    """
    n = radial.shape[0] - 2
    for plane in range(n):
        radial_at(radial, float(plane), 1.0, spline, poly, poly_z)
        _, _, score = brightness(image, x, y, size, poly, limits)
        scan.scores[plane] = score
    count = 0
    for _ in range(MAX_STARTS):
        best = -1
        for plane in range(n):
            own = scan.scores[plane]
            before = abs(scan.scores[plane - 1]) if plane > 0 else 0.0
            after = abs(scan.scores[plane + 1]) if plane < n - 1 else 0.0
            top = own > 0 and own >= before and own >= after
            if top and (best < 0 or own > scan.scores[best]):
                best = plane
        if best < 0:
            break
        scan.planes[count] = best
        # A negative score is taken; its size still keeps the neighbours from being maxima.
        scan.scores[best] = -scan.scores[best]
        count += 1
    return count


def make_scan_work(n_planes: int, n_unknowns: int) -> ScanWork:
    """Allocate the arrays for a model of that many planes."""
    return ScanWork(
        np.zeros(n_planes),
        np.zeros(MAX_STARTS),
        np.zeros((1 + MAX_STARTS, 2)),
        np.zeros(n_unknowns),
        np.zeros((n_unknowns, n_unknowns)),
        np.zeros(n_unknowns),
        np.zeros((n_unknowns, n_unknowns)),
    )
