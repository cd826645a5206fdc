"""Compiled part of the method "qi": from the pixels of a ROI to x, y and the radial profile.

Centre of mass, quadrant interpolation (van Loenhout et al., Biophys. J. 102, 2362 (2012)), then least-squares
steps on the first angular harmonic of the polar image against the bead's own profile, which remove quadrant
interpolation's sub-pixel bias.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from magscope_app.kernels import kernel
from magscope_app.tracking.columns import QUALITY, SIGMA_X, SIGMA_Y, SIGMA_Z, X, Y, Z
from magscope_app.tracking.edge_kernels import is_at_edge, noise_seen
from magscope_app.tracking.flags import TrackFlag
from magscope_app.tracking.full_doubt import by_chance, share_of

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Fewest radii that make a profile in a ROI of 32 px and more; a smaller ROI needs five eighths of its radii.
MIN_RADII = 8

_LOST = int(TrackFlag.LOST)
_AT_EDGE = int(TrackFlag.AT_EDGE)
_OUT_OF_LUT = int(TrackFlag.OUT_OF_LUT)
_FALL_BACK = int(TrackFlag.FALL_BACK)

#: So many of the largest circles do not count for the centre: it is the same in a ROI set so much aside.
_SPARED_RADII = 3
_MAX_LAG = 8
_MAX_STEPS = 5
#: Less symmetric is no bead. Pure noise stays below 0.1 with 32 radii, and rises as their number falls; where
#: it is known it is taken off, and what is left must be clearly more than it.
_MIN_SYMMETRY = 0.25
_MIN_SYMMETRY_TIMES_RADII, _CLEARLY_MORE = 3.0, 4.0
#: Less symmetric than this, and the search is made again from the middle of the ROI; …
CLEARLY_SYMMETRIC = 0.9
#: … still less, noise taken off, and it is made from places around, this share of a ROI away.
_AROUND = 1 / 6
_AROUND_X, _AROUND_Y = (-1, 0, 1, -1, 1, -1, 0, 1), (-1, -1, -1, 0, 0, 1, 1, 1)
#: Less symmetric, all noise taken off, and the centre may be beside the bead's in a ROI smaller than this, as
#: its rings do not fit: such have up to 0.76, right ones of single beads 0.95 and more. In larger ROIs dust,
#: a neighbour or uneven light do that, and move the centre by far less.
RIGHT, SMALL_ROI_PX = 0.8, 48
#: With a larger share of clipped pixels the profile resembles another plane, tens of nanometres away.
_MOST_CLIPPED = 0.01
#: A bead beyond its Z-LUT has a sigma only if it is this round: nothing else tells of a neighbour there.
_ROUND = 0.999
#: Bilinear interpolation averages 9/4 pixels on average, so a sample is worth that many.
_PIXELS_PER_SAMPLE = np.float32(2.25)
_PI = np.float32(math.pi)


class Centre(NamedTuple):
    """Where a search ended.

    Attributes
    ----------
    x, y, sigma : float
        Place and its standard deviation, in px of the ROI.
    symmetry, share : float
        Symmetric share of the variance, with the camera's noise and without it.
    bare, likely : float
        The same without a plane of light, either, and without all that the noise's scatter may give. Where
        the camera's noise is not known, it is what the pixels show; `share` is `symmetry` then.
    fits : int
        How many radii fit into the ROI; 0: the search left it.
    """

    x: float
    y: float
    sigma: float
    symmetry: float
    share: float
    bare: float
    likely: float
    fits: int


@kernel
def _centre_of_mass(image: Float32, size: int) -> tuple[float, float]:
    """Centre of what stands out from the perimeter by more than two standard deviations (px in the ROI)."""
    total = np.float32(0)
    squares = np.float32(0)
    last = (size - 1) * size
    for k in range(size - 1):
        for value in (image[k], image[last + k + 1], image[(k + 1) * size], image[k * size + size - 1]):
            total += value
            squares += value * value
    n = np.float32(4 * size - 4)
    background = total / n
    threshold = np.float32(2) * np.float32(
        math.sqrt(max(squares / n - background * background, np.float32(0)))
    )
    mass = np.float32(0)
    moment_x = np.float32(0)
    moment_y = np.float32(0)
    for row in range(size):
        row_mass = np.float32(0)
        row_moment = np.float32(0)
        for column in range(size):
            weight = max(abs(image[row * size + column] - background) - threshold, np.float32(0))
            row_mass += weight
            row_moment += weight * np.float32(column)
        mass += row_mass
        moment_x += row_moment
        moment_y += row_mass * np.float32(row)
    if not mass > 0:
        return 0.5 * (size - 1), 0.5 * (size - 1)
    return float(moment_x / mass), float(moment_y / mass)


@kernel
def _sample_ring(
    image: Float32, size: int, x: np.float32, y: np.float32, radius: int, directions: Float32, values: Float32
) -> None:
    """Interpolate the image bilinearly on one circle; `directions` (2, n) are the cosines and sines."""
    limit = np.float32(size - 1.001)
    r = np.float32(radius)
    stride = np.int32(size)
    for k in range(directions.shape[1]):
        u = min(max(x + r * directions[0, k], np.float32(0)), limit)
        v = min(max(y + r * directions[1, k], np.float32(0)), limit)
        column = np.int32(u)
        row = np.int32(v)
        fraction_x = u - np.float32(column)
        fraction_y = v - np.float32(row)
        at = np.uint32(row * stride + column)
        below = np.uint32(row * stride + column + stride)
        upper = image[at] + fraction_x * (image[at + np.uint32(1)] - image[at])
        lower = image[below] + fraction_x * (image[below + np.uint32(1)] - image[below])
        values[k] = upper + fraction_y * (lower - upper)


@kernel
def _radii_that_fit(size: int, x: float, y: float, most: int) -> int:
    """Count the radii 0, 1, 2 … whose circles around (x, y) stay inside the ROI."""
    room = min(min(x, y), min(size - 1 - x, size - 1 - y))
    return max(0, min(most, math.floor(room) + 1))


@kernel
def _best_lag(profile: Float32, mirrored: Float32, n: int, lags: Float32) -> float:
    """Lag, in samples, at which a profile fits its mirror image best (parabola through the maximum)."""
    best = 0
    highest = np.float32(-np.inf)
    for lag in range(-_MAX_LAG, _MAX_LAG + 1):
        total = np.float32(0)
        low = max(0, lag)
        for k in range(min(n, n + lag) - low):
            total += profile[low + k] * mirrored[low - lag + k]
        lags[lag + _MAX_LAG] = total
        if total > highest:
            highest = total
            best = lag
    if best == -_MAX_LAG or best == _MAX_LAG:
        return float(best)
    before, middle, after = lags[best + _MAX_LAG - 1], lags[best + _MAX_LAG], lags[best + _MAX_LAG + 1]
    curvature = before - np.float32(2) * middle + after
    if not curvature < 0:
        return float(best)
    return best + 0.5 * float((before - after) / curvature)


@kernel
def _axis_step(work: Float32, n_radii: int, mean: np.float32, ahead: int, behind: int) -> float:
    """Return the step (px) along one axis from the sums of the quadrants in `work[:4]`.

    The quadrants go round from +x over +y. In front are quadrant 0 and `ahead`: 3 for x, 1 for y.
    """
    for radius in range(n_radii):
        front = work[0, radius] + work[ahead, radius] - mean
        back = work[2, radius] + work[behind, radius] - mean
        work[4, n_radii + radius] = front
        work[4, n_radii - 1 - radius] = back
        work[5, n_radii - 1 - radius] = front
        work[5, n_radii + radius] = back
    # The lag is twice the shift, seen through the mean cosine 2/pi of a half circle.
    return _best_lag(work[4], work[5], 2 * n_radii, work[6]) * math.pi / 4


@kernel
def _quadrant_step(
    image: Float32,
    size: int,
    x: float,
    y: float,
    n_radii: int,
    directions: Float32,
    values: Float32,
    work: Float32,
) -> tuple[float, float]:
    """Return the step (px) from (x, y) to the centre by quadrant interpolation; `work` has 7 rows."""
    per_quadrant = directions.shape[1] // 4
    mean = np.float32(0)
    for radius in range(n_radii):
        _sample_ring(image, size, np.float32(x), np.float32(y), radius, directions, values)
        for quadrant in range(4):
            total = np.float32(0)
            for k in range(per_quadrant):
                total += values[quadrant * per_quadrant + k]
            work[quadrant, radius] = total
            mean += total
    mean /= np.float32(2 * n_radii)
    return _axis_step(work, n_radii, mean, 3, 1), _axis_step(work, n_radii, mean, 1, 3)


@kernel
def _polar_image(
    image: Float32,
    size: int,
    x: float,
    y: float,
    n_radii: int,
    directions: Float32,
    values: Float32,
    rings: Float32,
) -> tuple[float, float]:
    """Fill `rings` with mean, cosine, sine per radius; return the variance between and within them."""
    n_angles = directions.shape[1]
    scale = np.float32(1) / np.float32(n_angles)
    weights = np.float32(0)
    within = np.float32(0)
    mean = np.float32(0)
    for radius in range(n_radii):
        _sample_ring(image, size, np.float32(x), np.float32(y), radius, directions, values)
        total = np.float32(0)
        for k in range(n_angles):
            total += values[k]
        level = total * scale
        cosine = np.float32(0)
        sine = np.float32(0)
        squares = np.float32(0)
        for k in range(n_angles):
            deviation = values[k] - level
            squares += deviation * deviation
            cosine += deviation * directions[0, k]
            sine += deviation * directions[1, k]
        rings[0, radius] = level
        rings[1, radius] = cosine * scale
        rings[2, radius] = sine * scale
        weight = np.float32(radius)
        weights += weight
        within += weight * squares * scale
        mean += weight * level
    mean /= weights
    between = np.float32(0)
    for radius in range(n_radii):
        between += np.float32(radius) * (rings[0, radius] - mean) ** 2
    return float(between), float(within)


@kernel
def _noise_within(rings: Float32, n_radii: int, noise: Float32) -> float:
    """Return how much of the variance within rings is the camera's noise; 0 if that is not known."""
    total = np.float32(0)
    for radius in range(n_radii):
        light = max(rings[0, radius] - noise[1], np.float32(0))
        total += np.float32(radius) * (noise[0] * light + noise[2])
    return float(total / _PIXELS_PER_SAMPLE)


@kernel
def _plane_within(rings: Float32, n_radii: int) -> float:
    """Return how much of the variance within rings a plane of light explains.

    A plane that rises by a per px along x has the first harmonic a r / 2 on the circle of radius r.
    """
    along_x = along_y = power = 0.0
    for radius in range(n_radii):
        along_x += radius**2 * rings[1, radius]
        along_y += radius**2 * rings[2, radius]
        power += radius**3
    return 2 * (along_x**2 + along_y**2) / max(power, 1.0)


@kernel
def _harmonic_step(
    rings: Float32, n_radii: int, n_angles: int, gain: np.float32, offset: np.float32, floor: np.float32
) -> tuple[float, float, float]:
    """Least-squares step (px) to the centre, and its standard deviation in px (NaN if gain is 0).

    A bead d away from where the circles were drawn is I(r, θ) = P(r) − P'(r) · (d · unit vector of θ), so
    that the first harmonics are −P'(r) d / 2; every radius counts with its number of pixels.
    """
    along_x = np.float32(0)
    along_y = np.float32(0)
    power = np.float32(0)
    noise = np.float32(0)
    p = rings[0]
    samples = np.float32(n_angles) * _PIXELS_PER_SAMPLE
    for radius in range(2, n_radii - 2):
        slope = (
            np.float32(8) * (p[radius + 1] - p[radius - 1]) - (p[radius + 2] - p[radius - 2])
        ) / np.float32(12)
        weighted = np.float32(radius) * slope
        along_x -= weighted * rings[1, radius]
        along_y -= weighted * rings[2, radius]
        power += weighted * slope
        missed = max(np.float32(1), np.float32(2) * _PI * np.float32(radius) / samples)
        noise += weighted * slope * missed * (gain * max(p[radius] - offset, np.float32(0)) + floor)
    if not power > 0:
        return 0.0, 0.0, math.nan
    sigma = math.sqrt(noise / _PI) / float(power) if gain > 0 else math.nan
    return float(2 * along_x / power), float(2 * along_y / power), sigma


@kernel
def _centre_from(
    image: Float32,
    size: int,
    x: float,
    y: float,
    n_radii: int,
    coarse: Float32,
    fine: Float32,
    noise: Float32,
    work: Float32,
) -> Centre:
    """Go from a start to the centre."""
    values = work[7]
    fewest = min(MIN_RADII, n_radii * 5 // 8)
    for _ in range(_MAX_STEPS):
        fits = _radii_that_fit(size, x, y, n_radii)
        if fits < fewest:
            return Centre(x, y, math.nan, 0.0, 0.0, 0.0, 0.0, 0)
        step_x, step_y = _quadrant_step(image, size, x, y, fits, coarse, values, work)
        x += step_x
        y += step_y
        if abs(step_x) + abs(step_y) < 0.5:
            break
    symmetry = share = bare = likely = 0.0
    sigma = math.nan
    fits = 0
    # The outermost circles would come and go as the ROI is set around the bead, and what is not round about
    # it would pull its centre with them. A small ROI cannot spare them.
    steady = n_radii - min(max((n_radii - 12) // 4, 0), _SPARED_RADII)
    # The first step takes quadrant interpolation's bias away, the second all but the noise.
    for directions in (coarse, fine):
        fits = _radii_that_fit(size, x, y, n_radii)
        if fits < fewest:
            return Centre(x, y, math.nan, 0.0, 0.0, 0.0, 0.0, 0)
        between, within = _polar_image(image, size, x, y, fits, directions, values, work)
        symmetry = share_of(between, within)
        of_noise = _noise_within(work, fits, noise)
        share = share_of(between, within - of_noise) if noise[0] > 0 else symmetry
        # Light that rises evenly across a ROI moves a centre, but by less than it spoils the symmetry.
        within -= _plane_within(work, fits)
        bare = share_of(between, within - of_noise)
        # Circles count by their radius: that is worth three quarters of the samples.
        freedom = 0.75 * fits * directions.shape[1]
        likely = share_of(between, within - of_noise * (1 + by_chance(freedom) / freedom))
        step_x, step_y, sigma = _harmonic_step(
            work, min(fits, steady), directions.shape[1], noise[0], noise[1], noise[2]
        )
        x += min(max(step_x, -0.5), 0.5)
        y += min(max(step_y, -0.5), 0.5)
    return Centre(x, y, sigma, symmetry, share, bare, likely, fits)


@kernel
def _find_centre(
    image: Float32,
    size: int,
    n_radii: int,
    coarse: Float32,
    fine: Float32,
    noise: Float32,
    work: Float32,
) -> tuple[Centre, bool]:
    """Find the centre, and leave the profile around it in `work[0]`.

    Also returns whether the search ran over the edge from the centre of mass or from the middle.
    """
    x, y = _centre_of_mass(image, size)
    if not noise[0] > 0:
        noise[2] = 0
    found = _centre_from(image, size, x, y, n_radii, coarse, fine, noise, work)
    if found.symmetry >= CLEARLY_SYMMETRIC:
        return found, False
    if not noise[0] > 0:
        noise[2] = noise_seen(image, size)
        found = _centre_from(image, size, x, y, n_radii, coarse, fine, noise, work)
    # Where rings cross the border of the ROI, the background is not known and the centre of mass misleads.
    middle = 0.5 * (size - 1)
    last = _centre_from(image, size, middle, middle, n_radii, coarse, fine, noise, work)
    ran_over = found.fits == 0 or last.fits == 0
    if last.symmetry > found.symmetry:
        x, y, found = middle, middle, last
    if found.bare < CLEARLY_SYMMETRIC:
        for k in range(len(_AROUND_X)):
            u, v = middle + _AROUND * size * _AROUND_X[k], middle + _AROUND * size * _AROUND_Y[k]
            last = _centre_from(image, size, u, v, n_radii, coarse, fine, noise, work)
            if last.symmetry > found.symmetry:
                x, y, found = u, v, last
            if found.symmetry >= CLEARLY_SYMMETRIC:
                return found, False
    if last.symmetry == found.symmetry:
        return found, ran_over
    # The profile that the caller reads is that of the last search.
    return _centre_from(image, size, x, y, n_radii, coarse, fine, noise, work), ran_over


@kernel
def _is_bead(centre: Centre, noise_known: bool) -> bool:
    """Return whether enough of the variance is symmetric, whatever the light where the noise is known."""
    least = max(_MIN_SYMMETRY, _MIN_SYMMETRY_TIMES_RADII / centre.fits)
    if not noise_known:
        return centre.symmetry >= least
    return centre.symmetry >= min(least, _CLEARLY_MORE / centre.fits) and centre.share >= _MIN_SYMMETRY


@kernel
def centre_rois(
    pixels: Float32,
    rois: npt.NDArray[np.int64],
    first: int,
    count: int,
    size: int,
    coarse: Float32,
    fine: Float32,
    noise: Float32,
    work: Float32,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
    profiles: Float32,
    fits: npt.NDArray[np.int64],
    likely: Float64,
) -> None:
    """Write x, y, their sigmas, quality, flags and profiles of `count` copied ROIs.

    `profiles` is (count, n_radii), `fits` (count,) gets how many of them fit, `likely` (count,) how round the
    bead is if all is noise that may be; `coarse` and `fine` are the directions for quadrant interpolation and
    for the profile; `noise` is gain, offset and the variance in DN² that does not depend on the light. Where
    the gain is 0, not known, the last is written.
    """
    n_radii = profiles.shape[1]
    for slot in range(count):
        number = first + slot
        bead = number % rois.shape[0]
        centre, ran_over = _find_centre(pixels[slot], size, n_radii, coarse, fine, noise, work)
        x, y, sigma, known = centre.x, centre.y, centre.sigma, centre.fits
        fits[slot] = known
        for radius in range(n_radii):
            profiles[slot, radius] = work[0, radius] if radius < known else np.float32(math.nan)
        columns[QUALITY, number] = centre.share
        likely[slot] = centre.likely
        if likely[slot] < CLEARLY_SYMMETRIC:
            # What is not round moves the centre by more than noise does.
            sigma = math.nan
        if known == 0 or not _is_bead(centre, noise[0] > 0):
            at_edge = known == 0 or is_at_edge(pixels[slot], size, ran_over)
            flags[number] |= _LOST | _AT_EDGE if at_edge else _LOST
            columns[QUALITY, number] = centre.symmetry
            x = y = sigma = math.nan
        columns[X, number] = x + rois[bead, 0]
        columns[Y, number] = y + rois[bead, 1]
        columns[SIGMA_X, number] = sigma
        columns[SIGMA_Y, number] = sigma


@kernel
def doubt(
    pixels: Float32,
    likely: Float64,
    clipped: Float64,
    lut_of_bead: npt.NDArray[np.int64],
    first: int,
    count: int,
    size: int,
    fitted: bool,
    right: float,
    columns: Float64,
    flags: npt.NDArray[np.uint8],
) -> None:
    """Take back what no fit has confirmed of `count` ROIs, whose pixels are `pixels` (count, size²).

    `likely` (count,) is how round their beads are, `clipped` (count,) the share of saturated pixels. `fitted`
    says that beads with a Z-LUT were fitted, and judged, after `centre_rois`; a bead that is less round than
    `right` is LOST.
    """
    for slot in range(count):
        number = first + slot
        alone = not fitted or lut_of_bead[number % lut_of_bead.shape[0]] < 0
        if alone and likely[slot] < right:
            flags[number] |= _LOST | _AT_EDGE if is_at_edge(pixels[slot], size, False) else _LOST
            columns[:QUALITY, number] = math.nan
        elif flags[number] & _OUT_OF_LUT and likely[slot] < _ROUND:
            columns[SIGMA_X, number] = columns[SIGMA_Y, number] = math.nan
        if clipped[slot] > _MOST_CLIPPED and (alone or flags[number] & _FALL_BACK):
            columns[Z, number] = columns[SIGMA_Z, number] = math.nan
