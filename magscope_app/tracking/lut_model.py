"""A Z-LUT as a smooth function of x, y and z: what the fits compare images with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_blur import Sampling, unblurred
from magscope_app.tracking.lut_kernels import radial_at, shift_template, template_at
from magscope_app.tracking.lut_shape import KNOTS_PER_PX, BeadShape
from magscope_app.tracking.lut_splines import (
    coefficients,
    evaluate,
    resample,
    smooth_along_z,
    smooth_in_plane,
    steady_light,
)
from magscope_app.tracking.qi import ROUNDING_DN2
from magscope_app.tracking.zlut import BINNED, ZLUT

__all__ = ["KNOTS_PER_PX", "LutModel"]

FloatArray = npt.NDArray[np.float64]

#: Even planes for uneven ones: at most this many times as many.
_MOST_PLANES = 4
#: Cross-validation looks at every so many of a template's pixels.
_STRIDE = 5
#: A template of which less than this share is signal is left out.
_LEAST_FACTOR = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class LutModel:
    """One Z-LUT, ready for fits in ROIs of one size.

    The grey level at (dx, dy) px from a bead at z is I(r, z) + R(dx, dy, z) with r² = dx² + dy², in the units
    of the sweep's images; a fit scales it by a gain and adds an offset. Both parts are cubic B-splines whose
    knots are evenly spaced, so that four neighbouring coefficients along each axis give a value:
    `lut_kernels.radial_at` and `polynomials` turn I and dI/dz at one z into cubics per knot interval of r
    (dI/dr is their derivative times `KNOTS_PER_PX`), `lut_kernels.template_at` and `shift_template` give R in
    a ROI. The position along z in steps of planes is (z − z0_nm) / z_step_nm, 0..n_planes − 1, and knot
    interval k of z uses the coefficients k..k + 3.

    Attributes
    ----------
    z0_nm, z_step_nm : float
        First of the model's even planes, and their spacing (nm).
    n_planes : int
        Their number.
    radial : ndarray of float64, (n_planes + 2, n + 3), C order
        Coefficients of I: along z, and along r with `KNOTS_PER_PX` knots per px from r = 0. Interval k of r,
        from k / `KNOTS_PER_PX` px on, uses the coefficients k..k + 3.
    template : ndarray of float32, (n_planes + 2, size + 2, size + 2), C order
        Coefficients of R along z, y, x; size is odd, and the bead's centre is coefficient
        (size − 1) / 2 + 1. The shape is (0, 0, 0) for a Z-LUT that has no 2-D part, or one that is noise.
    reach_px : ndarray of float64, (4,)
        Least and largest dx, least and largest dy that the sweep saw: pixels beyond must not be used.
    r_max_px : float
        Largest r of the radial part: pixels beyond must not be used.
    ceiling_dn : float
        Where the model is at or near this level, the sweep's pixels were clipped, and it must not be used.
    variance_dn2 : float
        Mean variance of the model itself, from the noise of the sweep and its rounding.
    noise_gain : float
        Variance (DN²) per grey level (DN) of one image of the sweep, a default where the camera's noise is
        not known; NaN where the Z-LUT does not tell.
    level_dn : float
        Mean grey level.
    """

    z0_nm: float
    z_step_nm: float
    n_planes: int
    radial: FloatArray
    template: npt.NDArray[np.float32]
    reach_px: FloatArray
    r_max_px: float
    ceiling_dn: float
    variance_dn2: float
    noise_gain: float
    level_dn: float

    @classmethod
    def of(cls, zlut: ZLUT, roi_px: int) -> LutModel:
        """Make the model of a Z-LUT for ROIs of `roi_px`."""
        if zlut.shape is None:
            return _from_profiles(zlut)
        return _from_shape(zlut, zlut.shape, roi_px)

    @property
    def z_low_nm(self) -> float:
        """First z of the model."""
        return self.z0_nm

    @property
    def z_high_nm(self) -> float:
        """Last z of the model."""
        return self.z0_nm + (self.n_planes - 1) * self.z_step_nm

    @property
    def has_template(self) -> bool:
        """Whether there is a 2-D part."""
        return bool(self.template.size)

    def plane_of(self, z_nm: float) -> float:
        """Return z in steps of the model's planes, 0..n_planes − 1 inside it."""
        return (z_nm - self.z0_nm) / self.z_step_nm

    def radial_cubics(self, z_nm: float) -> tuple[FloatArray, FloatArray]:
        """Return the cubics (n, 4) in r of I and of dI/dz (per nm) at one z."""
        n = self.radial.shape[1] - 3
        work, poly, poly_z = np.zeros((2, n + 3)), np.zeros((n, 4)), np.zeros((n, 4))
        radial_at(self.radial, self.plane_of(z_nm), 1.0 / self.z_step_nm, work, poly, poly_z)
        return poly, poly_z

    def profile(self, z_nm: float, radii_px: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return I, dI/dr (per px) and dI/dz (per nm) at one z on radii (n,) up to `r_max_px`."""
        poly, poly_z = self.radial_cubics(z_nm)
        at = np.asarray(radii_px, np.float64) * KNOTS_PER_PX
        k = np.minimum(at.astype(np.int64), len(poly) - 1)
        f = at - k
        a, b, c, d = poly[k].T
        slope = (b + f * (2 * c + 3 * f * d)) * KNOTS_PER_PX
        p, q, r, s = poly_z[k].T
        return a + f * (b + f * (c + f * d)), slope, p + f * (q + f * (r + f * s))

    def rest(self, x_px: float, y_px: float, z_nm: float, roi_px: int) -> npt.NDArray[np.float32]:
        """Return R (roi_px, roi_px) for a bead at (x_px, y_px) in the ROI; zeros without a 2-D part."""
        image = np.zeros((roi_px, roi_px), np.float32)
        if self.has_template:
            blended = np.zeros(self.template.shape[1:], np.float32)
            template_at(self.template, self.plane_of(z_nm), blended)
            shift_template(blended, x_px, y_px, np.zeros((4, roi_px), np.float32), image)
        return image

    def image(self, x_px: float, y_px: float, z_nm: float, roi_px: int) -> FloatArray:
        """Return I + R (roi_px, roi_px) for a bead at (x_px, y_px) in the ROI; NaN where nothing is known."""
        dx, dy = (np.arange(roi_px) - x_px)[None, :], (np.arange(roi_px) - y_px)[:, None]
        r = np.hypot(dx, dy)
        level, _, _ = self.profile(z_nm, np.minimum(r, self.r_max_px).ravel())
        low_x, high_x, low_y, high_y = self.reach_px
        known = (dx >= low_x) & (dx <= high_x) & (dy >= low_y) & (dy <= high_y) & (r <= self.r_max_px)
        full = level.reshape(roi_px, roi_px) + self.rest(x_px, y_px, z_nm, roi_px)
        return np.where(known, full, np.nan)


def _even_planes(z_nm: FloatArray) -> FloatArray:
    """Return evenly spaced z from the first plane to the last, as near each other as the nearest planes."""
    steps = np.diff(z_nm)
    span = float(z_nm[-1] - z_nm[0])
    if np.ptp(steps) < 1e-3 * steps.mean():
        return np.linspace(z_nm[0], z_nm[-1], len(z_nm))
    n = min(math.ceil(span / steps.min()), _MOST_PLANES * len(z_nm)) + 1
    return np.linspace(z_nm[0], z_nm[-1], max(n, len(z_nm)))


def _along_z(z_nm: FloatArray, even: FloatArray, values: FloatArray) -> FloatArray:
    """Return B-spline coefficients (n_even + 2, m) along z of values (n, m)."""
    if len(even) != len(z_nm) or not np.allclose(even, z_nm, rtol=0, atol=1e-2 * np.diff(z_nm).min()):
        values = resample(z_nm, values, even)
    return np.ascontiguousarray(coefficients(values))


def _from_profiles(zlut: ZLUT) -> LutModel:
    """Make the model of a table of profiles: no 2-D part, nothing known about noise."""
    n = int((zlut.n_radii - 1) * zlut.r_step_px * KNOTS_PER_PX + 1e-9) + 1
    sampling: Sampling = "bins" if zlut.metadata.get(BINNED) else "bilinear"
    profiles = zlut.profiles * steady_light(zlut.z_nm, zlut.profiles)[:, None]
    coefs = unblurred(profiles, zlut.r_step_px, sampling)
    fine = evaluate(coefs, np.arange(n) / (KNOTS_PER_PX * zlut.r_step_px)).T
    pixels = np.sqrt(np.arange(zlut.n_radii))
    counts = np.maximum(zlut.counts, 1).astype(np.float64)
    matrix, _ = smooth_along_z(zlut.z_nm, counts, profiles * pixels, pixels)
    radial = coefficients((matrix @ fine).T, even=True).T
    even = _even_planes(zlut.z_nm)
    reach = (n - 1) / KNOTS_PER_PX
    return LutModel(
        float(even[0]),
        float(even[1] - even[0]),
        len(even),
        _along_z(zlut.z_nm, even, radial),
        np.zeros((0, 0, 0), np.float32),
        np.array([-reach, reach, -reach, reach]),
        reach,
        math.inf,
        0.0,
        math.nan,
        float(zlut.profiles.mean()),
    )


def _from_shape(zlut: ZLUT, shape: BeadShape, roi_px: int) -> LutModel:
    """Make the model of a sweep; pixels farther away than a ROI can show are left out."""
    counts = np.maximum(zlut.counts, 1).astype(np.float64)
    # Circles that the sweep saw in part say little about noise; the others count with their pixels.
    whole = 1 + int(np.abs(shape.reach_px).min() * KNOTS_PER_PX)
    pixels = np.sqrt(np.abs(np.arange(whole) - 1.0) + 0.5)
    light = steady_light(zlut.z_nm, zlut.profiles)
    coefs = shape.radial * light[:, None]
    matrix, _ = smooth_along_z(zlut.z_nm, counts, coefs[:, :whole] * pixels, pixels)
    even = _even_planes(zlut.z_nm)
    images, variance, scatter = _template(zlut.z_nm, counts, light, shape, roi_px)
    if images.size:
        along_z = _along_z(zlut.z_nm, even, images.reshape(len(images), -1))
        template = _in_plane(along_z.reshape(-1, *images.shape[1:]))
    else:
        template = np.zeros((0, 0, 0), np.float32)
    farthest = np.hypot(*np.abs(shape.reach_px).reshape(2, 2).max(axis=1))
    noise, level = _mean_noise(shape), float(zlut.profiles.mean())
    return LutModel(
        float(even[0]),
        float(even[1] - even[0]),
        len(even),
        _along_z(zlut.z_nm, even, matrix @ coefs),
        template,
        shape.reach_px,
        min(float(farthest), (shape.radial.shape[1] - 3) / KNOTS_PER_PX),
        shape.ceiling_dn,
        variance + _rounding_left(noise if math.isfinite(noise) else scatter),
        noise / level if level > 0 else math.nan,
        level,
    )


def _template(
    z_nm: FloatArray, counts: FloatArray, light: FloatArray, shape: BeadShape, roi_px: int
) -> tuple[FloatArray, float, float]:
    """Return the smooth template (n, size, size), empty if it is nothing but noise, and its variance.

    The third number is what smoothing takes from the template, the variance in DN² of the mean of a plane's
    images or less; NaN where there is no template.
    """
    whole = (shape.template.shape[1] - 1) // 2
    if whole < 1:
        return np.zeros((0, 0, 0)), 0.0, math.nan
    half = min(whole, roi_px)
    part = slice(whole - half, whole + half + 1)
    raw = shape.template[:, part, part] * light[:, None, None]
    values = raw.reshape(len(raw), -1)
    matrix, left_z = smooth_along_z(z_nm, counts, values[:, ::_STRIDE])
    images = (matrix @ values).reshape(raw.shape)
    in_plane, left_xy = smooth_in_plane(images[:: max(1, len(images) // 10)])
    images = in_plane @ images @ in_plane.T
    left = left_z * left_xy
    noise = _mean_noise(shape) / float(counts.mean())
    scatter = float(((raw - images) ** 2).mean())
    if not math.isfinite(noise):
        noise = scatter
    # What is left of the noise has no place in the template: Wiener's factor takes its share away.
    power = float((images**2).mean())
    factor = max(0.0, 1.0 - left * noise / power) if power > 0 else 0.0
    if factor < _LEAST_FACTOR:
        return np.zeros((0, 0, 0)), power, scatter
    return factor * images, factor * left * noise, scatter


def _mean_noise(shape: BeadShape) -> float:
    """Return the variance of one image of the sweep in DN², NaN if no plane has several."""
    known = shape.noise_dn2[np.isfinite(shape.noise_dn2)]
    return float(known.mean()) if len(known) else math.nan


def _rounding_left(noise_dn2: float) -> float:
    """Return the mean square of what rounding leaves in means of many images, given one image's variance.

    Noise of a grey level dithers: rounding averages out with it, and is in the variance already. Of less
    noise the harmonics of the rounding are left (Widrow and Kollar, Quantization Noise, 2008).
    """
    if not math.isfinite(noise_dn2):
        return ROUNDING_DN2
    light = np.linspace(0.0, 0.5, 501)
    order = np.arange(1, 200)[:, None]
    left = (np.exp(-((2 * np.pi * order) ** 2) * light) / (2 * (np.pi * order) ** 2)).sum(axis=0)
    # What is seen to vary: noise and rounding, less what rounding does in the same way in every image.
    seen = light + ROUNDING_DN2 - left
    return float(np.interp(noise_dn2, seen, left))


def _in_plane(images: FloatArray) -> npt.NDArray[np.float32]:
    """Return images (n, size, size) as B-spline coefficients (n, size + 2, size + 2) in y and x."""
    rows = coefficients(images.transpose(1, 0, 2)).transpose(1, 0, 2)
    both = coefficients(rows.transpose(2, 0, 1)).transpose(1, 2, 0)
    return np.ascontiguousarray(both, np.float32)
