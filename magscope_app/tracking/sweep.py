"""From the images of a focus sweep to mean radial profiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.qi_kernels import MIN_RADII
from magscope_app.tracking.tracker import Tracker


def mean_profiles(
    images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], z_nm: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], int]:
    """Return mean profiles (n_planes, n_radii), images used (n_planes,), and the ROI's edge in px.

    The radii are those that fit into the ROI in at least one image of every plane.
    """
    if images.ndim != 4 or z_nm.shape != images.shape[:1] or images.shape[1] == 0:
        raise ValueError(
            f"a sweep needs images (n_planes, n_per_plane, height, width) and one z_nm per plane, not "
            f"{images.shape} and {z_nm.shape}; give the ROI of one bead"
        )
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
    return sums[:, :n_radii] / per_radius[:, :n_radii], counts, roi_px
