"""From the images of one bead's sweep to its Z-LUT and what that is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.report import BeadReport
from magscope_app.config import BeadRole
from magscope_app.tracking import ZLUT, CameraNoise, Tracker, Tracks
from magscope_app.tracking.zlut_facts import MetadataValue

FloatArray = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

#: A bead that is seen in fewer of a plane's frames than this share is lost there.
_SEEN_SHARE = 0.5
#: A plane is found again if its mean z is so near, and so many of its frames have a z.
_NEAR_NM, _FOUND_SHARE = 25.0, 0.8
#: A Z-LUT is poor below this share of the sweep usable, above this residual, below this contrast.
_USABLE_SHARE, _MOST_RESIDUAL_NM, _LEAST_CONTRAST = 0.6, 10.0, 0.01
#: A tethered bead whose z scatters by more than this is warned of: by its motion it blurs its own Z-LUT.
MOST_MOTION_NM = 5.0
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
    lost = _why_lost(images, z_nm)
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
    report = judge(bead_id, role, zlut, images, facts)
    return replace(zlut, metadata=dict(facts.metadata) | report.as_metadata()), report


def _why_lost(images: Images, z_nm: FloatArray) -> str:
    """Say where the bead is not seen, or return nothing."""
    seen = _finite_share(_track(images, None, None).x_px, images)
    if (seen >= _SEEN_SHARE).all():
        return ""
    missing = z_nm[seen < _SEEN_SHARE]
    return (
        f"not seen in {len(missing)} of {len(z_nm)} planes, z = {missing[0]:.0f} to {missing[-1]:.0f} nm; "
        "it left its ROI, or the sweep goes too far for it"
    )


def judge(bead_id: int, role: BeadRole, zlut: ZLUT, images: Images, facts: SweepFacts) -> BeadReport:
    """Find the sweep's frames again with its Z-LUT, by a fit of all pixels, and say how well that went."""
    tracks = _track(images, zlut, facts.noise)
    z = tracks.z_nm[:, 0].reshape(images.shape[:2])
    found = np.isfinite(z).mean(axis=1) >= _FOUND_SHARE
    deviation, scatter = _mean(z) - zlut.z_nm, _std(z)
    sigma = _mean(tracks.sigma_z_nm[:, 0].reshape(images.shape[:2]))
    first, last = _longest(found & (np.abs(deviation) <= _NEAR_NM))
    stretch = slice(first, last + 1)
    motion = np.sqrt(np.maximum(scatter**2 - np.nan_to_num(sigma) ** 2, 0.0))
    report = BeadReport(
        bead_id,
        role,
        "good",
        (),
        _median(sigma[stretch]),
        float(np.max(sigma[stretch], initial=0.0, where=np.isfinite(sigma[stretch])))
        if np.isfinite(sigma[stretch]).any()
        else math.nan,
        _median(scatter[stretch]),
        _median(motion[stretch]) if np.isfinite(sigma[stretch]).any() else math.nan,
        (float(zlut.z_nm[first]), float(zlut.z_nm[last])) if last >= first else (math.nan, math.nan),
        ring_contrast(zlut),
        float(np.sqrt(np.nanmean(deviation[stretch] ** 2))) if last >= first else math.nan,
    )
    faults, notes = _faults(report, zlut, tracks), _notes(report, n_per_plane=images.shape[1])
    return replace(report, verdict="poor" if faults else "good", remarks=tuple(faults + notes))


def ring_contrast(zlut: ZLUT) -> float:
    """Return the median over the planes of the rings' deviation (rms) relative to the level around them."""
    outer = np.median(zlut.profiles[:, -max(2, zlut.n_radii // 8) :], axis=1)
    rings = np.std(zlut.profiles, axis=1)
    return float(np.median(rings / np.maximum(outer, 1e-9)))


def _faults(report: BeadReport, zlut: ZLUT, tracks: Tracks) -> list[str]:
    from magscope_app.tracking import TrackFlag

    low, high = report.usable_nm
    span = float(zlut.z_nm[-1] - zlut.z_nm[0])
    found = []
    if not high - low >= _USABLE_SHARE * span:
        share = 100 * (high - low) / span if high > low else 0.0
        found.append(f"only {share:.0f} % of the range is found again; use another bead")
    if report.residual_nm > _MOST_RESIDUAL_NM:
        found.append(f"planes are found {report.residual_nm:.0f} nm beside their place; sweep again")
    if not report.contrast >= _LEAST_CONTRAST:
        found.append("the rings are hardly seen; more light, or another bead")
    if tracks.has(TrackFlag.OVERLAPPED).mean() > 0.5:
        found.append("another bead's rings reach into its ROI; choose a bead that is alone")
    return found


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
    return [f"its z scatters by {scatter_nm:.1f} nm in a plane, as the camera's noise does; more light helps"]


def _track(images: Images, zlut: ZLUT | None, noise: CameraNoise | None) -> Tracks:
    height, width = images.shape[2:]
    roi_px = min(height, width)
    corner = np.array([[(width - roi_px) // 2, (height - roi_px) // 2]])
    with Tracker(roi_px, zlut, noise, method="qi" if zlut is None else "full") as tracker:
        return tracker.track(images.reshape(-1, height, width), corner)


def _finite_share(values: FloatArray, images: Images) -> FloatArray:
    share: FloatArray = np.isfinite(values[:, 0]).reshape(images.shape[:2]).mean(axis=1)
    return share


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean along the last axis of what is known, NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean: FloatArray = np.where(known, values, 0.0).sum(axis=1) / np.where(count, count, np.nan)
    return mean


def _std(values: FloatArray) -> FloatArray:
    """Return the standard deviation along the last axis of what is known; NaN for fewer than two."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    squares = np.where(known, values - _mean(values)[:, None], 0.0) ** 2
    std: FloatArray = np.sqrt(squares.sum(axis=1) / np.where(count > 1, count - 1, np.nan))
    return std


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _longest(good: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return first and last index of the longest run of True; (0, -1) where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, -1
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest]) - 1
