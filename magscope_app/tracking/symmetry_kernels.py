"""Compiled judgement of bead candidates: how much of a ROI's light is rings around its centre."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]

#: The ROI is judged in so many equal sectors, too: a neighbour lies in one or two of them.
N_SECTORS = 8
#: Columns of the verdicts.
N_VERDICTS = 5
#: A ring rises or falls by this multiple of its error, and by this share of all rings' range.
_RING_SIGMAS = 4.0
_RING_SHARE = 0.05
#: Circles with less than this share of their pixels in the disc do not count as rings.
_LEAST_CIRCLE = 0.25


@kernel
def judge(frame: Frame, centres: FloatArray, roi_px: int, verdicts: FloatArray) -> None:
    """Write what says whether beads are at the centres (n, 5).

    The columns: variance, variance that no ring explains, and its mean in the worst sector, all in DN²; how
    often the rings turn from brighter to darker or back; half-width of the innermost one in px. A centre
    needs its whole ROI inside the frame. The disc that fits into the ROI is judged, a plane of light taken
    out. The rings are the mean over all angles, linear between whole radii.
    """
    rings = np.empty((3, roi_px))
    sectors = np.empty((2, N_SECTORS))
    plane = np.empty(2)
    for number in range(len(centres)):
        x, y = centres[number, 0], centres[number, 1]
        plane[:] = 0
        # Rings and plane are nearly orthogonal: a plane of what the rings leave is the plane.
        _mean_rings(frame, x, y, roi_px, plane, rings)
        _fit_plane(frame, x, y, roi_px, rings[0], plane)
        verdicts[number, 0] = _mean_rings(frame, x, y, roi_px, plane, rings)
        _add_rest(frame, x, y, roi_px, plane, rings, sectors)
        verdicts[number, 1] = sectors[0].sum() / sectors[1].sum()
        verdicts[number, 2] = (sectors[0] / np.maximum(sectors[1], 1)).max()
        n_rings = _ring_errors(rings)
        verdicts[number, 3] = _turns(rings[0, :n_rings], rings[2, :n_rings])
        verdicts[number, 4] = _half_width(rings[0, :n_rings])


@kernel
def _mean_rings(frame: Frame, x: float, y: float, roi_px: int, plane: FloatArray, rings: FloatArray) -> float:
    """Write mean level and number of pixels at the radii 0, 1, 2 … px into `rings`; return the variance."""
    rings[:] = 0
    x0, y0 = round(x - (roi_px - 1) / 2), round(y - (roi_px - 1) / 2)
    total, squares, count = 0.0, 0.0, 0
    for row in range(y0, y0 + roi_px):
        for column in range(x0, x0 + roi_px):
            r = math.hypot(column - x, row - y)
            if r < roi_px / 2 - 1:
                value = float(frame[row, column]) - plane[0] * (column - x) - plane[1] * (row - y)
                inner = int(r)
                outer_part = r - inner
                rings[0, inner] += (1 - outer_part) * value
                rings[1, inner] += 1 - outer_part
                rings[0, inner + 1] += outer_part * value
                rings[1, inner + 1] += outer_part
                total += value
                squares += value * value
                count += 1
    for i in range(roi_px):
        rings[0, i] /= max(rings[1, i], 1e-9)
    return squares / count - (total / count) ** 2


@kernel
def _fit_plane(frame: Frame, x: float, y: float, roi_px: int, ring: FloatArray, plane: FloatArray) -> None:
    """Write the slopes (DN/px) along x and y of what the rings leave."""
    x0, y0 = round(x - (roi_px - 1) / 2), round(y - (roi_px - 1) / 2)
    xx, xy, yy, xv, yv = 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(y0, y0 + roi_px):
        for column in range(x0, x0 + roi_px):
            dx, dy = column - x, row - y
            r = math.hypot(dx, dy)
            if r < roi_px / 2 - 1:
                inner = int(r)
                expected = ring[inner] + (r - inner) * (ring[inner + 1] - ring[inner])
                rest = float(frame[row, column]) - expected
                xx += dx * dx
                xy += dx * dy
                yy += dy * dy
                xv += dx * rest
                yv += dy * rest
    determinant = xx * yy - xy * xy
    plane[0] = (yy * xv - xy * yv) / determinant
    plane[1] = (xx * yv - xy * xv) / determinant


@kernel
def _add_rest(
    frame: Frame,
    x: float,
    y: float,
    roi_px: int,
    plane: FloatArray,
    rings: FloatArray,
    sectors: FloatArray,
) -> None:
    """Write sums of squares that rings and plane leave: per sector, with its pixels, and per ring."""
    sectors[:] = 0
    rings[2] = 0
    x0, y0 = round(x - (roi_px - 1) / 2), round(y - (roi_px - 1) / 2)
    for row in range(y0, y0 + roi_px):
        for column in range(x0, x0 + roi_px):
            dx, dy = column - x, row - y
            r = math.hypot(dx, dy)
            if r < roi_px / 2 - 1:
                inner = int(r)
                outer_part = r - inner
                expected = rings[0, inner] + outer_part * (rings[0, inner + 1] - rings[0, inner])
                rest = (float(frame[row, column]) - plane[0] * dx - plane[1] * dy - expected) ** 2
                turn = math.atan2(dy, dx) / (2 * math.pi) + 0.5
                sector = int(turn * N_SECTORS) % N_SECTORS
                sectors[0, sector] += rest
                sectors[1, sector] += 1
                rings[2, inner] += (1 - outer_part) * rest
                rings[2, inner + 1] += outer_part * rest


@kernel
def _ring_errors(rings: FloatArray) -> int:
    """Make the rings' sums of squares the standard errors of their means; return how many rings count."""
    n_rings = 1
    for i in range(rings.shape[1]):
        weight = max(rings[1, i], 1e-9)
        rings[2, i] = math.sqrt(rings[2, i]) / weight
        if rings[1, i] >= _LEAST_CIRCLE * 2 * math.pi * i and i == n_rings:
            n_rings += 1
    return n_rings


@kernel
def _turns(ring: FloatArray, error: FloatArray) -> int:
    """Count where the rings turn, from the middle outwards, by more than errors and pixels explain."""
    least = max(_RING_SHARE * (ring.max() - ring.min()), 1e-9)
    turns, direction, low, high = 0, 0, 0, 0
    for i in range(1, len(ring)):
        rise, fall = ring[i] - ring[low], ring[high] - ring[i]
        if direction <= 0 and rise > max(least, _RING_SIGMAS * math.hypot(error[i], error[low])):
            turns -= direction
            direction, high = 1, i
        elif direction >= 0 and fall > max(least, _RING_SIGMAS * math.hypot(error[i], error[high])):
            turns += direction
            direction, low = -1, i
        if ring[i] < ring[low]:
            low = i
        if ring[i] > ring[high]:
            high = i
    return turns


@kernel
def _half_width(ring: FloatArray) -> float:
    """Return the radius (px) at which the level is first halfway from the middle to the outermost ring."""
    half = 0.5 * (ring[0] - ring[-1])
    for i in range(1, len(ring)):
        if (ring[i] - ring[-1] - half) * half <= 0:
            return float(i)
    return float(len(ring))
