"""How well a Z-LUT can tell x, y and z, and whether it belongs to the beads and the optics at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_model import LutModel
from magscope_app.tracking.lut_splines import noise_beside, smooth_along_z, steady_light
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.qi import ROUNDING_DN2
from magscope_app.tracking.qi_kernels import MIN_RADII
from magscope_app.tracking.requests import is_finite, require_roi_px
from magscope_app.tracking.zlut import ZLUT
from magscope_app.tracking.zlut_facts import edge_px

FloatArray = npt.NDArray[np.float64]

_NO_INFORMATION = "the Z-LUT does not change with z; sweep again, with the bead in the ROI"
#: z is usable where its uncertainty is below so many times the median.
_USABLE_RATIO = 3.0
#: ... and below this share of the range of the planes.
_USABLE_SHARE = 0.25
#: Profiles that vary along z by less than this many times what their noise makes them vary say nothing.
_LEAST_VARIATION = 3.0
#: Factors by which the rings of a profile may be wider than those of the Z-LUT.
_SCALES = np.exp(np.linspace(-0.3, 0.3, 61))
#: What is taken for a difference and not for noise: of pixel sizes, and of the rings' width.
_SAME_FACTOR, _SAME_WIDTH = 1e-3, 0.02
#: Correlation below which two profiles do not show the same bead.
_MIN_CORRELATION = 0.9
#: Share of what correlation leaves unexplained that may be left by rings of another width.
_FAR_BETTER = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class LutQuality:
    """What a Z-LUT tells about a bead in the middle of a ROI, plane by plane.

    Attributes
    ----------
    z_nm : ndarray of float64, (n_planes,)
        The planes.
    information : ndarray of float64, (n_planes,)
        Fisher information about z in 1/nm², with x, y, brightness and background unknown: 1 / sigma_z².
    sigma_x_px, sigma_y_px, sigma_z_nm : ndarray of float64, (n_planes,)
        Cramér–Rao bounds of one frame.
    usable_nm : tuple of float
        First and last z of the longest stretch of planes whose sigma_z is below three times the median and
        a quarter of the range.
    """

    z_nm: FloatArray
    information: FloatArray
    sigma_x_px: FloatArray
    sigma_y_px: FloatArray
    sigma_z_nm: FloatArray
    usable_nm: tuple[float, float]


def lut_quality(zlut: ZLUT, noise: CameraNoise, roi_px: int | None = None) -> LutQuality:
    """See `ZLUT.quality`."""
    if not isinstance(noise, CameraNoise):
        raise ValueError(
            f"noise must be a CameraNoise, not {type(noise).__name__}; see the camera's data sheet"
        )
    size = None if roi_px is None else require_roi_px(roi_px)
    if not _varies(zlut):
        raise ValueError(_NO_INFORMATION)
    size = size or zlut.roi_px or 2 * int((zlut.n_radii - 1) * zlut.r_step_px)
    model = LutModel.of(zlut, size)
    inside = zlut.z_nm[1:-1]
    sigmas = np.array([_bounds(model, z, noise, size) for z in inside])
    # At its two ends the spline's slope is the least certain: they take their neighbours' values.
    sigmas = np.concatenate([sigmas[:1], sigmas, sigmas[-1:]])
    if not np.isfinite(sigmas[:, 2]).any():
        raise ValueError(_NO_INFORMATION)
    good = sigmas[:, 2] <= _USABLE_RATIO * np.nanmedian(sigmas[:, 2])
    good &= sigmas[:, 2] <= _USABLE_SHARE * (zlut.z_nm[-1] - zlut.z_nm[0])
    if not good.any():
        raise ValueError(_NO_INFORMATION)
    first, last = _longest(good)
    return LutQuality(
        zlut.z_nm,
        1 / sigmas[:, 2] ** 2,
        sigmas[:, 0],
        sigmas[:, 1],
        sigmas[:, 2],
        (float(zlut.z_nm[first]), float(zlut.z_nm[last])),
    )


def _varies(zlut: ZLUT) -> bool:
    """Return whether the profiles change along z by more than noise."""
    pixels = np.sqrt(2 * np.pi * np.arange(zlut.n_radii))[1:]
    values = zlut.profiles[:, 1:] * steady_light(zlut.z_nm, zlut.profiles)[:, None] * pixels
    counts = np.maximum(zlut.counts, 1).astype(np.float64)
    matrix, left = smooth_along_z(zlut.z_nm, counts, values, pixels)
    smooth = matrix @ values
    variation = float(((smooth - smooth.mean(axis=0)) ** 2).mean())
    rounding = (1e-12 * float(np.abs(values).max())) ** 2
    return variation > max(_LEAST_VARIATION * left * noise_beside(matrix, values, pixels), rounding)


def _bounds(model: LutModel, z_nm: float, noise: CameraNoise, size: int) -> FloatArray:
    """Return the bounds of x, y (px) and z (nm) for a bead in the middle; NaN without information."""
    middle = 0.5 * (size - 1)
    image = model.image(middle, middle, z_nm, size)
    column, row = np.meshgrid(np.arange(size) - middle, np.arange(size) - middle)
    r = np.hypot(column, row)
    _, slope, along_z = model.profile(z_nm, np.minimum(r, model.r_max_px).ravel())
    slope, along_z = slope.reshape(r.shape) / np.maximum(r, 1e-9), along_z.reshape(r.shape)
    ceiling = noise.saturation_dn or np.inf
    known = np.isfinite(image) & (image < min(model.ceiling_dn, ceiling))
    floor = (noise.gain_dn_per_e * noise.read_noise_e) ** 2 + ROUNDING_DN2
    variance = noise.gain_dn_per_e * np.maximum(image - noise.offset_dn, 0) + floor
    parts = (-slope * column, -slope * row, along_z, image, np.ones_like(r), column / size, row / size)
    jacobian = np.stack(parts)[:, known]
    matrix = (jacobian / variance[known]) @ jacobian.T
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    try:
        covariance = np.linalg.inv(matrix / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return np.full(3, np.nan)
    variances = np.diag(covariance)[:3] / scale[:3] ** 2
    return np.where(variances > 0, np.sqrt(np.abs(variances)), np.nan)


def _longest(good: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return first and last index of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest]) - 1


def why_not(
    zlut: ZLUT,
    *,
    roi_px: int | None = None,
    nm_per_px: float | None = None,
    focal_shift_factor: float | None = None,
) -> list[str]:
    """See `ZLUT.why_not`."""
    roi_px = edge_px(roi_px)
    for name, number in (("nm_per_px", nm_per_px), ("focal_shift_factor", focal_shift_factor)):
        if number is not None and not is_finite(number):
            raise ValueError(
                f"{name} must be a finite number, not {number!r}; leave it out if it is not known"
            )
    reasons = []
    if zlut.roi_px is not None and roi_px is not None and zlut.roi_px < roi_px / 2:
        reasons.append(
            f"the Z-LUT was swept in a ROI of {zlut.roi_px} px, less than half of the tracker's {roi_px} px: "
            "most pixels would not be used; sweep again in the larger ROI"
        )
    if _differ(zlut.nm_per_px, nm_per_px):
        reasons.append(
            f"the Z-LUT was made at {zlut.nm_per_px:g} nm per px, but it is {nm_per_px:g} now: its rings "
            "have another width; sweep again at this magnification"
        )
    if _differ(zlut.focal_shift_factor, focal_shift_factor):
        reasons.append(
            f"the Z-LUT was made with focal_shift_factor = {zlut.focal_shift_factor:g}, but it is "
            f"{focal_shift_factor:g} now: one of them is wrong"
        )
    return reasons


def _differ(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and abs(a - b) > _SAME_FACTOR * abs(b)


@dataclass(frozen=True, slots=True)
class ProfileMatch:
    """How a measured profile compares with a Z-LUT.

    Attributes
    ----------
    z_nm : float
        Plane that is most like it; NaN if the profile is too short to tell.
    width : float
        How much wider than in the Z-LUT its rings are: 1 if the magnifications are the same; NaN with z_nm.
    correlation : float
        r-weighted correlation with the Z-LUT as it is, at the best plane.
    reasons : tuple of str
        What is wrong, one sentence each; empty if the Z-LUT belongs to the bead.
    """

    z_nm: float
    width: float
    correlation: float
    reasons: tuple[str, ...]


def match_profile(zlut: ZLUT, profile: FloatArray) -> ProfileMatch:
    """See `ZLUT.match`."""
    if profile.ndim != 1:
        raise ValueError(f"profile must be an array (n_radii,), not {profile.shape}; give that of one bead")
    radii = np.flatnonzero(np.isfinite(profile)).astype(np.float64)
    if len(radii) < MIN_RADII:
        reason = (
            f"the profile is known at {len(radii)} radii, but {MIN_RADII} are needed to compare it; centre "
            "the ROI on the bead, or make it larger"
        )
        return ProfileMatch(float("nan"), float("nan"), 0.0, (reason,))
    reach = (zlut.n_radii - 1) * zlut.r_step_px
    best = [_best_plane(zlut, profile, radii[radii <= reach * width], width) for width in _SCALES]
    same = _best_plane(zlut, profile, radii[radii <= reach], 1.0)
    widest = int(np.argmax([correlation for _, correlation in best]))
    plane, correlation = same
    width = float(_SCALES[widest])
    # Rings also grow with defocus: another width counts only if it explains the profile far better.
    scaled = abs(width - 1) > _SAME_WIDTH and 1 - best[widest][1] < _FAR_BETTER * (1 - correlation)
    reason = _mismatch(plane in (0, zlut.n_planes - 1), width if scaled else 1.0, correlation)
    return ProfileMatch(float(zlut.z_nm[plane]), width, correlation, (reason,) if reason else ())


def _mismatch(at_end: bool, width: float, correlation: float) -> str:
    """Return why a profile does not belong to a Z-LUT, empty if it does; `width` is 1 if nothing is."""
    if at_end and width != 1:
        return (
            "the bead lies beyond an end of the Z-LUT, or the magnification, the focal shift factor or the "
            f"bead is another (its rings are {width:.2f} times as wide as those of the last plane); bring it "
            "nearer to the swept range, and sweep it with this optics if this is said there, too"
        )
    if width != 1:
        return (
            f"the profile's rings are {width:.2f} times as wide as the Z-LUT's: the magnification, the focal "
            "shift factor or the bead is another; sweep this bead with this optics"
        )
    if correlation < _MIN_CORRELATION:
        return "the profile resembles no plane of the Z-LUT; sweep this bead with this optics"
    if at_end:
        return "the bead lies at or beyond an end of the Z-LUT; bring it nearer to the swept range"
    return ""


def _best_plane(zlut: ZLUT, profile: FloatArray, radii: FloatArray, width: float) -> tuple[int, float]:
    """Return the plane, and its correlation, that is most like the profile with rings `width` times wider."""
    planes = zlut.profiles_at(radii / width)
    weights = radii / radii.sum()
    measured = profile[radii.astype(np.int64)]
    measured = measured - weights @ measured
    planes = planes - (planes @ weights)[:, None]
    norm = np.sqrt((weights @ measured**2) * (planes**2 @ weights))
    correlations = (planes * measured) @ weights / np.maximum(norm, 1e-300)
    best = int(np.argmax(correlations))
    return best, float(correlations[best])
