"""From the images of a focus sweep to mean radial profiles and the bead's shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_shape import BeadShape
from magscope_app.tracking.lut_shape_fit import bead_shape
from magscope_app.tracking.qi_kernels import MIN_RADII
from magscope_app.tracking.requests import require_frames, require_saturation_dn
from magscope_app.tracking.tracker import Tracker

#: Of a sweep with more than this share of its pixels clipped nothing is left to measure.
_MOST_CLIPPED = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What a sweep says about a bead.

    Attributes
    ----------
    profiles : ndarray of float64, (n_planes, n_radii)
        Mean profiles, on the radii that fit into the ROI in at least one image of every plane.
    counts : ndarray of int64, (n_planes,)
        Images used.
    roi_px : int
        Edge of the square in the middle of the images that was used.
    shape : BeadShape
        The bead's image around its centre.
    """

    profiles: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    roi_px: int
    shape: BeadShape


def evaluate_sweep(
    images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    z_nm: npt.NDArray[np.float64],
    saturation_dn: int | None = None,
) -> Sweep:
    """Find the bead in all images of a sweep, and average them; see `ZLUT.from_sweep`."""
    if (
        not isinstance(images, np.ndarray)
        or images.ndim != 4
        or z_nm.shape != images.shape[:1]
        or 0 in images.shape
    ):
        raise ValueError(
            f"a sweep needs images (n_planes, n_per_plane, height, width) and one z_nm per plane, not "
            f"{np.shape(images)} and {z_nm.shape}; give the ROI of one bead"
        )
    ceiling = _ceiling(images, saturation_dn)
    n_planes, n_per_plane, height, width = images.shape
    roi_px = min(height, width)
    corner = np.array([[(width - roi_px) // 2, (height - roi_px) // 2]])
    with Tracker(roi_px) as tracker:
        tracks = tracker.track(images.reshape(-1, height, width), corner, profiles=True)
    assert tracks.profiles is not None  # asked for above
    found = np.isfinite(tracks.x_px[:, 0]).reshape(n_planes, n_per_plane)
    counts = found.sum(axis=1)
    if not counts.all():
        missing = ", ".join(f"{z:g}" for z in z_nm[counts == 0])
        raise ValueError(
            f"the bead is not seen at z = {missing} nm; choose another bead or sweep a smaller range"
        )
    profiles = tracks.profiles[:, 0].reshape(n_planes, n_per_plane, -1).astype(np.float64)
    usable = found[:, :, None] & np.isfinite(profiles)
    per_radius = usable.sum(axis=1)
    n_radii = int((per_radius > 0).all(axis=0).sum())
    if n_radii < MIN_RADII:
        raise ValueError(
            f"the bead is too near the edge of the sweep's images: {n_radii} radii fit; centre the ROI on it"
        )
    sums = np.where(usable, profiles, 0.0).sum(axis=1)
    x0, y0 = corner[0]
    centres = np.stack([tracks.x_px[:, 0] - x0, tracks.y_px[:, 0] - y0], axis=1)
    square = images[:, :, y0 : y0 + roi_px, x0 : x0 + roi_px].copy()
    shape = bead_shape(square, centres.reshape(n_planes, n_per_plane, 2), ceiling)
    return Sweep(sums[:, :n_radii] / per_radius[:, :n_radii], counts, roi_px, shape)


def _ceiling(images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], saturation_dn: int | None) -> float:
    """Return the grey level at which a sweep is clipped; raise ValueError if most of its pixels are."""
    require_frames(images[0])
    given = require_saturation_dn(saturation_dn)
    ceiling = int(np.iinfo(images.dtype).max) if given is None else given
    clipped = float((images >= ceiling).mean())
    if clipped > _MOST_CLIPPED:
        raise ValueError(
            f"{100 * clipped:.0f} % of the sweep's pixels are at or above saturation_dn = {ceiling}; give "
            "the level at which the camera clips, or sweep again with less light"
        )
    return float(ceiling)
