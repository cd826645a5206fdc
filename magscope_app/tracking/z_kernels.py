"""Compiled part of finding z: a radial profile against the planes of a Z-LUT.

The plane with the best r-weighted correlation, refined by Gauss-Newton between planes: a parabola through the
correlations would be biased, because their maximum is not one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_Z, Z
from magscope_app.tracking.flags import TrackFlag

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_LOST = int(TrackFlag.LOST)
_SATURATED = int(TrackFlag.SATURATED)
_AT_EDGE = int(TrackFlag.AT_EDGE)
_NO_ZLUT = int(TrackFlag.NO_ZLUT)
_OUT_OF_LUT = int(TrackFlag.OUT_OF_LUT)
_POOR_MATCH = int(TrackFlag.POOR_MATCH)

_MAX_STEPS = 5
#: Correlation below which a profile and a plane do not show the same rings.
_MIN_CORRELATION = 0.5
#: Share of the bead's variance that circles around its centre and the Z-LUT must explain for a z: where the
#: camera's noise is known, so that it counts no more, and where it is not.
_LEAST_SHARE, _LEAST_SHARE_WITH_NOISE = 0.9, 0.8
#: Fewest radii of a profile that shows rings enough to tell one z from the others.
_LEAST_RADII = 7
#: Another z, so far away (nm), must fit worse by so much of χ²: four standard deviations.
_ELSEWHERE_NM, _CLEARLY_WORSE = 150.0, 16.0


@kernel
def _best_plane(
    profile: Float32,
    n_radii: int,
    planes: Float32,
    spreads: Float32,
    first: int,
    stop: int,
    plane_z: Float64,
    weighted: Float32,
    scores: Float32,
) -> tuple[int, float, float]:
    """Return the plane with the highest r-weighted correlation, that correlation, and its lead.

    The lead is by how much less of the profile's r-weighted squares the next best maximum explains that is
    no neighbour.
    """
    weights = np.float32(0)
    mean = np.float32(0)
    for k in range(n_radii):
        weights += np.float32(k)
        mean += np.float32(k) * profile[k]
    mean /= weights
    squares = np.float32(0)
    for k in range(n_radii):
        deviation = profile[k] - mean
        weighted[k] = np.float32(k) * deviation
        squares += weighted[k] * deviation
    best = first
    highest = np.float32(-2)
    for plane in range(first, stop):
        total = np.float32(0)
        for k in range(n_radii):
            total += weighted[k] * planes[plane, k]
        spread = spreads[plane, n_radii - 1]
        correlation = total / spread if spread > 0 else np.float32(-2)
        scores[plane - first] = correlation
        if correlation > highest:
            highest = correlation
            best = plane
    second = np.float32(0)
    last = stop - first - 1
    for k in range(last + 1):
        peak = scores[k] >= scores[max(k - 1, 0)] and scores[k] >= scores[min(k + 1, last)]
        if peak and scores[k] > second and abs(plane_z[first + k] - plane_z[best]) > _ELSEWHERE_NM:
            second = scores[k]
    lead = float(highest) ** 2 - float(second) ** 2
    return best, float(highest) / math.sqrt(max(float(squares), 1e-30)), lead


@kernel
def _z_step(
    profile: Float32,
    n_radii: int,
    z: float,
    lower: int,
    planes: Float32,
    slopes: Float32,
    plane_z: Float64,
    gain: float,
    offset: float,
    floor: float,
    of_table: float,
) -> tuple[float, float, float]:
    """Return the Gauss-Newton step (nm) of z in profile = a · plane(z) + b, its sigma and a pixel's variance.

    `of_table` is the variance of the table itself. The sigma is NaN if gain is 0. Between planes the table is
    a cubic Hermite curve with a spline's slopes.
    """
    width = plane_z[lower + 1] - plane_z[lower]
    t = (z - plane_z[lower]) / width
    h00, h10 = (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2 * width
    h01, h11 = t * t * (3 - 2 * t), t * t * (t - 1) * width
    d00, d10, d11 = 6 * t * (t - 1) / width, (1 - t) * (1 - 3 * t), t * (3 * t - 2)
    s_w = s_m = s_d = s_p = s_mm = s_md = s_dd = s_mp = s_dp = 0.0
    for k in range(1, n_radii):
        below, above = float(planes[lower, k]), float(planes[lower + 1, k])
        slope_below, slope_above = float(slopes[lower, k]), float(slopes[lower + 1, k])
        m = h00 * below + h10 * slope_below + h01 * above + h11 * slope_above
        d = d00 * (below - above) + d10 * slope_below + d11 * slope_above
        p = float(profile[k])
        w = float(k)
        s_w += w
        s_m += w * m
        s_d += w * d
        s_p += w * p
        s_mm += w * m * m
        s_md += w * m * d
        s_dd += w * d * d
        s_mp += w * m * p
        s_dp += w * d * p
    mm, md, dd = s_mm - s_m * s_m / s_w, s_md - s_m * s_d / s_w, s_dd - s_d * s_d / s_w
    mp, dp = s_mp - s_m * s_p / s_w, s_dp - s_d * s_p / s_w
    determinant = mm * dd - md * md
    scale = (mp * dd - dp * md) / determinant if determinant > 0 else 0.0
    if not scale > 0:
        return math.nan, math.nan, math.nan
    step = (dp * mm - mp * md) / determinant / scale
    # The noise is taken at the mean grey level: one number for all radii is within the accuracy of a sigma.
    variance = gain * max(s_p / s_w - offset, 0.0) + floor + scale * scale * of_table
    information = 2 * math.pi * scale * scale * determinant / mm
    return step, math.sqrt(variance / information) if gain > 0 else math.nan, variance


@kernel
def _find_z(
    profile: Float32,
    n_radii: int,
    first: int,
    stop: int,
    planes: Float32,
    slopes: Float32,
    spreads: Float32,
    plane_z: Float64,
    noise: Float32,
    of_table: float,
    weighted: Float32,
    scores: Float32,
) -> tuple[float, float, float, int]:
    """Return z (nm), its standard deviation, the correlation with the best plane, and flags."""
    best, correlation, lead = _best_plane(
        profile, n_radii, planes, spreads, first, stop, plane_z, weighted, scores
    )
    if not correlation >= _MIN_CORRELATION:
        return math.nan, math.nan, max(correlation, 0.0), _POOR_MATCH
    low, high = plane_z[first], plane_z[stop - 1]
    z = plane_z[best]
    sigma = variance = math.nan
    lower = min(best, stop - 2)
    for _ in range(_MAX_STEPS):
        step, sigma, variance = _z_step(
            profile,
            n_radii,
            z,
            lower,
            planes,
            slopes,
            plane_z,
            float(noise[0]),
            float(noise[1]),
            float(noise[2]),
            of_table,
        )
        reach = plane_z[lower + 1] - plane_z[lower]
        z += min(max(step, -reach), reach)
        if not low < z < high:
            return math.nan, math.nan, correlation, _OUT_OF_LUT
        while lower > first and z < plane_z[lower]:
            lower -= 1
        while lower < stop - 2 and z >= plane_z[lower + 1]:
            lower += 1
        if abs(step) < 1e-3 * reach:
            break
    # Where the noise could have made another z the best one, no z is honest.
    if noise[0] > 0 and 2 * math.pi * lead < _CLEARLY_WORSE * variance:
        return math.nan, math.nan, correlation, _POOR_MATCH
    return z, sigma, correlation, 0


@kernel
def find_heights(
    profiles: Float32,
    fits: npt.NDArray[np.int64],
    lut_of_bead: npt.NDArray[np.int64],
    first: int,
    count: int,
    noise: Float32,
    planes: Float32,
    slopes: Float32,
    spreads: Float32,
    plane_z: Float64,
    lut_rows: npt.NDArray[np.int64],
    lut_variances: Float64,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> None:
    """Write z, its sigma, the quality and flags of `count` ROIs whose profiles (count, n_radii) are known.

    `fits` (count,) is the number of known radii; `lut_rows` (n_luts, 3) gives the first plane, the one after
    the last and the number of radii, `lut_variances` (n_luts,) the planes' own; `noise` is gain, offset and
    the variance in DN² that does not depend on the light.
    """
    weighted = np.empty(profiles.shape[1], np.float32)
    scores = np.empty(plane_z.shape[0], np.float32)
    least = _LEAST_SHARE if noise[0] > 0 else _LEAST_SHARE_WITH_NOISE
    for slot in range(count):
        number = first + slot
        lut = lut_of_bead[number % lut_of_bead.shape[0]]
        columns[Z, number] = math.nan
        columns[SIGMA_Z, number] = math.nan
        if lut < 0:
            flags[number] |= _NO_ZLUT
            continue
        if flags[number] & _LOST:
            continue
        start, stop, n_radii = lut_rows[lut, 0], lut_rows[lut, 1], lut_rows[lut, 2]
        radii = min(fits[slot], n_radii)
        if 2 * radii < n_radii or radii < _LEAST_RADII:
            flags[number] |= _AT_EDGE
            continue
        z, sigma, correlation, reason = _find_z(
            profiles[slot],
            radii,
            start,
            stop,
            planes,
            slopes,
            spreads,
            plane_z,
            noise,
            lut_variances[lut],
            weighted,
            scores,
        )
        columns[QUALITY, number] *= correlation * correlation
        # Rings of another bead, or a centre beside the bead's: both end at a plausible but wrong plane.
        if reason == 0 and columns[QUALITY, number] < least:
            reason, z, sigma = _POOR_MATCH, math.nan, math.nan
        columns[Z, number] = z
        # Clipped pixels bend the profile by more than noise does.
        columns[SIGMA_Z, number] = math.nan if flags[number] & _SATURATED else sigma
        flags[number] |= reason
