"""Images of beads with diffraction rings, rendered fine and binned, with known truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import j0

FloatArray = npt.NDArray[np.float64]

NM_PER_PX = 100.0
_FINE = 4
_RADII_PX = np.arange(0.0, 190.0, 0.1)
_WAVE_NM = 600.0 / 1.33
_ANGLES = np.linspace(0.0, 0.75, 160)
_K = 2 * np.pi / _WAVE_NM
_BESSEL = j0(_K * NM_PER_PX * _RADII_PX[:, None] * np.sin(_ANGLES)[None, :])


def radial_profiles(defocus_nm: npt.ArrayLike, radius_nm: float = 700.0) -> FloatArray:
    """Intensity (n, radii) of a plane wave plus a wave scattered into a limited cone; background 1."""
    z = np.atleast_1d(np.asarray(defocus_nm, np.float64))
    pupil = np.sin(_ANGLES) * np.exp(-((_K * radius_nm * np.sin(_ANGLES) / 3.5) ** 2))
    wave = np.exp(1j * _K * z[:, None] * (np.cos(_ANGLES) - 1)[None, :]) * pupil
    field = wave @ _BESSEL.T.astype(np.complex128) / pupil.sum()
    return np.asarray(np.abs(1 - 0.9 * np.exp(0.35j) * field) ** 2)


def render(x_px: float, y_px: float, profile: FloatArray, width: int, height: int) -> FloatArray:
    """One bead's intensity (height, width), integrated over the pixels."""
    fine_x = (np.arange(width * _FINE) + 0.5) / _FINE - 0.5 - x_px
    fine_y = (np.arange(height * _FINE) + 0.5) / _FINE - 0.5 - y_px
    r = np.hypot(fine_y[:, None], fine_x[None, :])
    at = np.minimum(r * 10, len(profile) - 1.001)
    below = at.astype(np.int64)
    image = profile[below] + (at - below) * (profile[below + 1] - profile[below])
    return np.asarray(image.reshape(height, _FINE, width, _FINE).mean(axis=(1, 3)))


def camera(
    clean: FloatArray,
    rng: np.random.Generator,
    electrons: float = 5000.0,
    full_scale: int = 255,
    background: float = 0.45,
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Grey levels of an image whose background has `background` of the full scale, which is `electrons`."""
    levels = rng.poisson(clean * background * electrons) / electrons * full_scale
    clipped = np.clip(np.rint(levels), 0, full_scale)
    return clipped.astype(np.uint8) if full_scale < 256 else clipped.astype(np.uint16)


def bead_images(
    xyz: FloatArray,
    size: int,
    rng: np.random.Generator,
    *,
    focus_nm: float = -5000.0,
    electrons: float = 5000.0,
    full_scale: int = 255,
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Images (n, size, size) of a bead at x, y (px) and z (nm), the focus being at `focus_nm`."""
    profiles = radial_profiles(xyz[:, 2] - focus_nm)
    clean = np.stack([render(x, y, p, size, size) for (x, y, _), p in zip(xyz, profiles, strict=True)])
    return camera(clean, rng, electrons, full_scale)


def sweep_images(
    size: int, z_nm: FloatArray, n_per_plane: int, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """A sweep (n_planes, n_per_plane, size, size) over a bead that lies still, off the ROI's middle."""
    middle = (size - 1) / 2
    profiles = radial_profiles(z_nm + 5000.0)
    planes = []
    for profile in profiles:
        clean = render(middle + 0.3, middle - 0.2, profile, size, size)
        planes.append(np.stack([camera(clean, rng) for _ in range(n_per_plane)]))
    return np.stack(planes).astype(np.uint8)
