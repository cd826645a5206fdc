"""The plane of a Z-LUT that a radial profile resembles most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT

FloatArray = npt.NDArray[np.float64]
#: The middle of a profile is few pixels, and noisy.
_FIRST_RADIUS_PX = 2


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
        The plane at the radii of the profile, scaled to it in grey levels.
    """

    index: int
    z_nm: float
    correlation: float
    profile: FloatArray


def best_plane(zlut: ZLUT, profile: FloatArray) -> BestPlane | None:
    """Return the plane whose shape is most like a profile (at r = 0, 1, 2 … px), None where none is."""
    n_shared = min(len(profile), int((zlut.n_radii - 1) * zlut.r_step_px) + 1)
    if n_shared < _FIRST_RADIUS_PX + 4 or not np.isfinite(profile).all():
        return None
    planes = zlut.profiles_at(np.arange(n_shared, dtype=np.float64))
    used = slice(_FIRST_RADIUS_PX, n_shared)
    measured, shapes = profile[used] - profile[used].mean(), planes[:, used]
    shapes = shapes - shapes.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(shapes, axis=1) * np.linalg.norm(measured)
    if not norms.any():
        return None
    correlations = shapes @ measured / np.where(norms > 0, norms, np.inf)
    index = int(np.argmax(correlations))
    shape = shapes[index]
    scale = float(shape @ measured / (shape @ shape))
    fitted = profile[used].mean() + scale * (planes[index] - planes[index, used].mean())
    return BestPlane(index, float(zlut.z_nm[index]), float(correlations[index]), fitted)
