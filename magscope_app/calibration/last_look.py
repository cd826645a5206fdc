"""What one bead says of the drift of the sample: a plane of the sweep, looked at once more at its end."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from magscope_app.calibration.evaluate import SweepFacts
from magscope_app.calibration.lookup import Images, std_known, track_images
from magscope_app.calibration.report import BeadReport
from magscope_app.calibration.saturation import saturated_planes
from magscope_app.config import BeadRole
from magscope_app.tracking import ZLUT

#: The plane must lie so far within the usable stretch of a Z-LUT, in shares of the sweep's range: a bead that
#: has drifted by less is found again.
_ROOM_SHARE = 0.05
#: A bead is found again if so many of the frames have a z.
_FOUND_SHARE = 0.5
#: Scatter of a median, relative to that of a mean.
_MEDIAN_NOISE = 1.25
#: Nothing is known better, whatever its frames say; scatter (nm) where nothing says how large it is.
_LEAST_NM, UNKNOWN_NM = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class LastLook:
    """A bead in the last look.

    Attributes
    ----------
    offset_nm : float
        Its z there less that of the plane; NaN where it was not found, or could not be.
    sigma_nm : float
        The uncertainty of that.
    why_not : str
        Why it could not be found, whatever the sample did; empty if it could.
    bead_id, role
        Of the bead.
    """

    offset_nm: float = math.nan
    sigma_nm: float = math.nan
    why_not: str = ""
    bead_id: int = -1
    role: BeadRole = "tethered"


def look_again(
    again: Images,
    before: Images | None,
    z_nm: float,
    zlut: ZLUT,
    report: BeadReport,
    facts: SweepFacts,
    range_nm: float,
) -> LastLook:
    """Find a bead in the last look, by its own Z-LUT.

    Parameters
    ----------
    again : ndarray of uint8 or uint16, (1, n, height, width)
        Its images in the last look.
    before : ndarray of uint8 or uint16, (1, n, height, width), or None
        Those of the plane in the sweep, where they are used.
    z_nm : float
        Its z in the last look, if nothing has drifted.
    zlut, report, facts
        Its Z-LUT, what that is worth, and the sweep.
    range_nm : float
        Range of the sweep in z.
    """
    nothing = LastLook(bead_id=report.bead_id, role=report.role)
    if saturated_planes(again, facts.ceiling_dn).any():
        return replace(nothing, why_not="saturated in the last look")
    low, high = report.usable_nm
    room_nm = _ROOM_SHARE * range_nm
    # NaN where nothing is usable.
    if not low + room_nm <= z_nm <= high - room_nm:
        return replace(nothing, why_not="with no usable Z-LUT around the plane that is looked at once more")
    found_nm = track_images(again, zlut, facts.noise).z_nm[:, 0]
    known_nm = found_nm[np.isfinite(found_nm)]
    if len(known_nm) < _FOUND_SHARE * len(found_nm):
        return nothing
    scatters = [float(std_known(known_nm[np.newaxis])[0])]
    n_before = len(known_nm)
    if before is not None:
        there_nm = track_images(before, zlut, facts.noise).z_nm[:, 0]
        scatters.append(float(std_known(there_nm[np.newaxis])[0]))
        n_before = max(1, int(np.isfinite(there_nm).sum()))
    scatter_nm = _scatter_nm(scatters, report, again.shape[1])
    mean_nm = _MEDIAN_NOISE * scatter_nm * math.sqrt(1 / len(known_nm) + 1 / n_before)
    # How far planes are found by their neighbours has the slow part of the bead's motion, which is the same
    # in all frames of a plane, and the error of the Z-LUT itself.
    errors = [one for one in (report.residual_nm, report.between_nm) if math.isfinite(one)]
    sigma_nm = math.hypot(mean_nm, max(errors, default=UNKNOWN_NM))
    offset_nm = float(np.median(known_nm)) - z_nm
    return replace(nothing, offset_nm=offset_nm, sigma_nm=max(sigma_nm, _LEAST_NM))


def _scatter_nm(scatters: list[float], report: BeadReport, n_frames: int) -> float:
    """Return by how much z scatters in a frame, rather too much than too little.

    That of few frames is small by chance now and then: what is usual in all planes is a lower bound. Of one
    frame per plane it is not known; how far planes are found by their neighbours stands for it.
    """
    known = [one for one in scatters if math.isfinite(one)]
    if n_frames < 2 or not known or not math.isfinite(report.scatter_nm):
        others = [one for one in (report.between_nm, report.sigma_z_nm) if math.isfinite(one)]
        return max(others) if math.isfinite(report.between_nm) else max([UNKNOWN_NM, *others])
    return max(report.scatter_nm, math.sqrt(float(np.mean(np.square(known)))))
