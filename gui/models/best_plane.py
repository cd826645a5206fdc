"""The plane of a Z-LUT that a radial profile resembles most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT

FloatArray = npt.NDArray[np.float64]
#: The middle of a profile is few pixels, and noisy.
FIRST_RADIUS_PX = 2
#: Radii that a comparison needs beside those.
FEWEST_RADII = 4
#: Below, a profile is like no plane; tracking gives no z there either.
LEAST_CORRELATION = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class BestPlane:
    """A plane of a Z-LUT beside a profile.

    Attributes
    ----------
    index : int
        Of the plane.
    z_nm : float
        Its height.
    correlation : float
        With the profile, −1 to 1.
    profile : ndarray of float64
        The plane at the radii of the profile, scaled to it in grey levels; also where the profile has none.
    """

    index: int
    z_nm: float
    correlation: float
    profile: FloatArray


def best_plane(zlut: ZLUT, profile: FloatArray) -> BestPlane | None:
    """Return the plane whose shape is most like a profile (at r = 0, 1, 2 … px), None where none can be told.

    Radii without a value (NaN, as those beyond the edge of the ROI) are left out.
    """
    n_shared = min(len(profile), int((zlut.n_radii - 1) * zlut.r_step_px) + 1)
    planes = zlut.profiles_at(np.arange(n_shared, dtype=np.float64))
    known = np.isfinite(profile[:n_shared])
    known[:FIRST_RADIUS_PX] = False
    if np.count_nonzero(known) < FEWEST_RADII:
        return None
    used, shapes = profile[:n_shared][known], planes[:, known]
    measured, shapes = used - used.mean(), shapes - shapes.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(shapes, axis=1) * np.linalg.norm(measured)
    if not norms.any():
        return None
    correlations = shapes @ measured / np.where(norms > 0, norms, np.inf)
    index = int(np.argmax(correlations))
    shape = shapes[index]
    scale = float(shape @ measured / (shape @ shape))
    fitted = used.mean() + scale * (planes[index] - planes[index, known].mean())
    return BestPlane(index, float(zlut.z_nm[index]), float(correlations[index]), fitted)
