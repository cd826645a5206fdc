"""From the images of one bead's sweep to its Z-LUT and what that is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.between import error_between_planes
from magscope_app.calibration.lookup import (
    FloatArray,
    Images,
    finite_share,
    mean_known,
    median_known,
    std_known,
    track_images,
    usual_scatter,
)
from magscope_app.calibration.report import BeadReport
from magscope_app.calibration.saturation import saturated_planes
from magscope_app.config import BeadRole
from magscope_app.tracking import ZLUT, CameraNoise, Tracks
from magscope_app.tracking.zlut import MIN_PLANES
from magscope_app.tracking.zlut_facts import MetadataValue

#: A bead that is seen in fewer of a plane's frames than this share is lost there.
_SEEN_SHARE = 0.5
#: A plane is found again if its mean z is so near, and so many of its frames have a z.
_NEAR_NM, _FOUND_SHARE = 25.0, 0.8
#: A Z-LUT is poor below this share of the sweep usable, above this residual, below this contrast.
_USABLE_SHARE, _MOST_RESIDUAL_NM, _LEAST_CONTRAST = 0.6, 10.0, 0.01
#: Less light around a bead than that is none.
_LEAST_LIGHT_DN = 1.0
#: A Z-LUT is poor where planes that are left out are found so badly, and worse than by scatter alone. With
#: few planes those near the ends count much, so twice as badly; with too few to tell, steps must be small.
_MOST_BETWEEN_NM, _BEYOND_SCATTER, _MANY_PLANES, _LARGE_STEP_NM = 5.0, 2.0, 12, 100.0
#: A tethered bead whose z scatters by more than this is warned of: by its motion it blurs its own Z-LUT.
MOST_MOTION_NM = 5.0
#: The camera's noise explains a scatter of which it makes this share of the variance.
_MOSTLY = 0.5
#: Fewest frames of a plane that scatter.
_SCATTER_FRAMES = 2


@dataclass(frozen=True, slots=True)
class SweepFacts:
    """What all beads of a sweep have in common.

    Attributes
    ----------
    nm_per_px, focal_shift_factor : float
        Of the optics.
    noise : CameraNoise or None
        Of the camera, where it is known.
    ceiling_dn : int
        Grey level at which the camera clips.
    created : str
        When the sweep was made, ISO 8601.
    metadata : mapping
        What else belongs into each Z-LUT.
    """

    nm_per_px: float
    focal_shift_factor: float
    noise: CameraNoise | None
    ceiling_dn: int
    created: str
    metadata: Mapping[str, MetadataValue]


def evaluate_bead(
    bead_id: int, role: BeadRole, images: Images, z_nm: FloatArray, facts: SweepFacts
) -> tuple[ZLUT | None, BeadReport]:
    """Make the Z-LUT of one bead and judge it with the frames of the sweep.

    Parameters
    ----------
    bead_id, role
        Of the bead.
    images : ndarray of uint8 or uint16, (n_planes, n_per_plane, height, width)
        Its ROIs.
    z_nm : ndarray of float64, (n_planes,)
        Its z in every plane, rising.
    facts : SweepFacts
        About the sweep.

    Returns
    -------
    ZLUT or None, BeadReport
        None where the bead was lost; the report says why.
    """
    bright = saturated_planes(images, facts.ceiling_dn)
    first, last = _longest(~bright)
    full_z_nm = z_nm
    swept_nm, dim = float(z_nm[-1] - z_nm[0]), slice(first, last + 1)
    lost = _too_bright(bright, z_nm) if last - first + 1 < MIN_PLANES else ""
    images, z_nm = images[dim], z_nm[dim]
    lost = lost or _why_lost(images, z_nm)
    if lost:
        return None, BeadReport(bead_id, role, "lost", (lost,))
    try:
        zlut = ZLUT.from_sweep(
            images,
            z_nm,
            nm_per_px=facts.nm_per_px,
            focal_shift_factor=facts.focal_shift_factor,
            created=facts.created,
            metadata=facts.metadata,
            saturation_dn=facts.ceiling_dn,
        )
    except ValueError as error:
        return None, BeadReport(bead_id, role, "lost", (str(error),))
    report = judge(bead_id, role, zlut, images, facts, swept_nm)
    if bright.any():
        ends = (
            f"{_too_bright(bright, full_z_nm)}: its Z-LUT goes from {z_nm[0]:.0f} to {z_nm[-1]:.0f} nm only"
        )
        report = replace(report, remarks=(*report.remarks, ends))
    return replace(zlut, metadata=dict(facts.metadata) | report.as_metadata()), report


def _too_bright(bright: npt.NDArray[np.bool_], z_nm: FloatArray) -> str:
    at_nm = z_nm[bright]
    return (
        f"saturated in {len(at_nm)} of {len(z_nm)} planes, z = {at_nm[0]:.0f} to {at_nm[-1]:.0f} nm; "
        "reduce the exposure or the light and sweep again"
    )


def _why_lost(images: Images, z_nm: FloatArray) -> str:
    """Say where the bead is not seen, or return nothing."""
    seen = finite_share(track_images(images, None, None).x_px, images)
    if (seen >= _SEEN_SHARE).all():
        return ""
    missing = z_nm[seen < _SEEN_SHARE]
    return (
        f"not seen in {len(missing)} of {len(z_nm)} planes, z = {missing[0]:.0f} to {missing[-1]:.0f} nm; "
        "it left its ROI, or the sweep goes too far for it"
    )


def judge(
    bead_id: int,
    role: BeadRole,
    zlut: ZLUT,
    images: Images,
    facts: SweepFacts,
    swept_nm: float | None = None,
) -> BeadReport:
    """Find the sweep's frames again with its Z-LUT, by a fit of all pixels, and say how well that went.

    `swept_nm` is the range of the sweep, where the Z-LUT has less.
    """
    tracks = track_images(images, zlut, facts.noise)
    z = tracks.z_nm[:, 0].reshape(images.shape[:2])
    found = np.isfinite(z).mean(axis=1) >= _FOUND_SHARE
    deviation, scatter = mean_known(z) - zlut.z_nm, std_known(z)
    sigma = mean_known(tracks.sigma_z_nm[:, 0].reshape(images.shape[:2]))
    first, last = _longest(found & (np.abs(deviation) <= _NEAR_NM))
    stretch = slice(first, last + 1)
    scatter_nm = usual_scatter(scatter[stretch], images.shape[1])
    noise_nm2 = median_known(sigma[stretch] ** 2)
    report = BeadReport(
        bead_id,
        role,
        "good",
        (),
        median_known(sigma[stretch]),
        float(np.max(sigma[stretch], initial=0.0, where=np.isfinite(sigma[stretch])))
        if np.isfinite(sigma[stretch]).any()
        else math.nan,
        scatter_nm,
        math.sqrt(max(scatter_nm**2 - noise_nm2, 0.0)) if math.isfinite(noise_nm2) else math.nan,
        (float(zlut.z_nm[first]), float(zlut.z_nm[last])) if last >= first else (math.nan, math.nan),
        ring_contrast(zlut, 0.0 if facts.noise is None else facts.noise.offset_dn),
        float(np.sqrt(np.nanmean(deviation[stretch] ** 2))) if last >= first else math.nan,
        error_between_planes(zlut, images, facts.noise, stretch),
    )
    span_nm = float(zlut.z_nm[-1] - zlut.z_nm[0]) if swept_nm is None else swept_nm
    faults, notes = (
        _faults(report, zlut, tracks, span_nm, images.shape[1]),
        _notes(report, n_per_plane=images.shape[1]),
    )
    return replace(report, verdict="poor" if faults else "good", remarks=tuple(faults + notes))


def ring_contrast(zlut: ZLUT, offset_dn: float = 0.0) -> float:
    """Return the median over the planes of the rings' deviation (rms) relative to the light around them.

    Parameters
    ----------
    zlut : ZLUT
        Of the bead.
    offset_dn : float
        Grey level without light, which is none of it.
    """
    outer = np.median(zlut.profiles[:, -max(2, zlut.n_radii // 8) :], axis=1)
    rings = np.std(zlut.profiles, axis=1)
    return float(np.median(rings / np.maximum(outer - offset_dn, _LEAST_LIGHT_DN)))


def _faults(report: BeadReport, zlut: ZLUT, tracks: Tracks, span_nm: float, n_per_plane: int) -> list[str]:
    from magscope_app.tracking import TrackFlag

    low, high = report.usable_nm
    found = []
    if not high - low >= _USABLE_SHARE * span_nm:
        share = 100 * (high - low) / span_nm if high > low else 0.0
        found.append(f"only {share:.0f} % of the range is found again; use another bead")
    if report.residual_nm > _MOST_RESIDUAL_NM:
        found.append(f"planes are found {report.residual_nm:.0f} nm beside their place; sweep again")
    else:
        found += coarseness(report, zlut, n_per_plane)
    if not report.contrast >= _LEAST_CONTRAST:
        found.append("the rings are hardly seen; more light, or another bead")
    if tracks.has(TrackFlag.OVERLAPPED).mean() > 0.5:
        found.append("another bead's rings reach into its ROI; choose a bead that is alone")
    return found


def coarseness(report: BeadReport, zlut: ZLUT, n_per_plane: int) -> list[str]:
    """Say if the planes lie too far apart for z between them to be right."""
    between_nm, remedy = report.between_nm, "the steps are too large; sweep again with 50 nm or less"
    if math.isinf(between_nm):
        return [f"planes are not found again with a Z-LUT of their neighbours: {remedy}"]
    if math.isnan(between_nm):
        step_nm = float(np.diff(zlut.z_nm).max())
        far = f"planes {step_nm:.0f} nm apart are too few to tell what z is worth between them"
        return [f"{far}: {remedy}"] if step_nm > _LARGE_STEP_NM else []
    # Means of a plane scatter, and so do those that they are compared with.
    scatter_nm = float(np.nanmax([0.0, report.scatter_nm, report.sigma_z_nm])) * math.sqrt(2 / n_per_plane)
    most_nm = _MOST_BETWEEN_NM * (1 if zlut.n_planes >= _MANY_PLANES else 2)
    if between_nm > max(most_nm, _BEYOND_SCATTER * scatter_nm):
        return [f"planes are found {between_nm:.0f} nm off with a Z-LUT of their neighbours: {remedy}"]
    return []


def _notes(report: BeadReport, n_per_plane: int) -> list[str]:
    """Say of a tethered bead what its scatter in z means, or that it is not known."""
    scatter_nm, motion_nm = report.scatter_nm, report.motion_nm
    if report.role != "tethered":
        return []
    if n_per_plane < _SCATTER_FRAMES:
        return ["its scatter in z is not known from one frame per plane; take 2 or more"]
    # NaN where nothing is usable.
    if not scatter_nm > MOST_MOTION_NM:
        return []
    if math.isnan(motion_nm):
        said = f"its z scatters by {scatter_nm:.1f} nm in a plane: if that is more than the camera's noise"
        return [
            f"{said} (camera.noise is not known), it moves, which blurs its Z-LUT; sweep at a higher force"
        ]
    if motion_nm > MOST_MOTION_NM:
        return [f"it moved by {motion_nm:.1f} nm rms in z, which blurs its Z-LUT; sweep at a higher force"]
    said = f"its z scatters by {scatter_nm:.1f} nm in a plane"
    if motion_nm**2 <= (1 - _MOSTLY) * scatter_nm**2:
        return [f"{said}, as the camera's noise does; more light helps"]
    return [f"{said}: it moves by {motion_nm:.1f} nm, the rest is the camera's noise; a higher force helps"]


def _longest(good: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return first and last index of the longest run of True; (0, -1) where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, -1
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest]) - 1
