"""Bead images with known truth: rendered at 25 nm/px, binned 4 × 4 to 100 nm/px, then exposed by a camera.

The optics are those of the simulated microscope (`hardware.simulated.optics`), tabulated at a quarter of the
pixel size, cubic in z and linear over an eighth of a fine pixel in r. Below the focus (z < 0) no pixel
saturates with the default background; above it the middle of the bead does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hardware.simulated.optics import bead_table
from magscope_app.kernels import kernel
from magscope_app.tracking import CameraNoise

FloatArray = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

NM_PER_PX = 100.0
BINNING = 4
RADIUS_NM = 1400.0
#: Grey level of the background as a share of the full scale.
BACKGROUND = 0.4
#: The rings are drawn over this many pixels of 100 nm, so that they do not end inside a ROI.
_TABLE_PX = 240
_Z_REACH_NM = 7000.0


@lru_cache(maxsize=4)
def _table(radius_nm: float) -> tuple[FloatArray, float, float, int]:
    """Return light relative to the background (n_z, n_radii), first z, z step, and steps per fine pixel."""
    table = bead_table(
        radius_nm=radius_nm,
        nm_per_px=NM_PER_PX / BINNING,
        roi_px=_TABLE_PX * BINNING,
        z_reach_nm=_Z_REACH_NM,
    )
    return 1.0 + table.contrast.astype(np.float64), table.z0_nm, table.z_step_nm, table.steps_per_px


@kernel
def _render(
    light: FloatArray, steps_per_fine: int, binning: int, x_px: float, y_px: float, image: FloatArray
) -> None:
    """Add the light of one bead at (x_px, y_px), integrated over binning × binning fine pixels."""
    last = light.shape[0] - 2
    share = 1.0 / (binning * binning)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            total = 0.0
            for i in range(binning):
                dy = (row - y_px) * binning + i - 0.5 * (binning - 1)
                for j in range(binning):
                    dx = (column - x_px) * binning + j - 0.5 * (binning - 1)
                    at = np.sqrt(dx * dx + dy * dy) * steps_per_fine
                    below = min(int(at), last)
                    part = min(at - below, 1.0)
                    total += light[below] + part * (light[below + 1] - light[below])
            image[row, column] = total * share


def profiles(z_nm: npt.ArrayLike, radius_nm: float = RADIUS_NM) -> FloatArray:
    """Return the light relative to the background, (n, n_radii), at heights z_nm (n,) above the focus."""
    light, z0_nm, step_nm, _ = _table(radius_nm)
    at = (np.atleast_1d(np.asarray(z_nm, np.float64)) - z0_nm) / step_nm
    below = np.clip(np.floor(at).astype(np.int64), 1, len(light) - 3)
    t = (at - below)[:, None]
    a, b, c, d = (light[below + k] for k in (-1, 0, 1, 2))
    # Cubic through four planes 25 nm apart: the truth is smooth, and its error against the optics is < 1e-4.
    return np.asarray(
        -t * (t - 1) * (t - 2) / 6 * a
        + (t + 1) * (t - 1) * (t - 2) / 2 * b
        - (t + 1) * t * (t - 2) / 2 * c
        + (t + 1) * t * (t - 1) / 6 * d
    )


def clean(
    x_nm: npt.ArrayLike, y_nm: npt.ArrayLike, z_nm: npt.ArrayLike, roi_px: int, radius_nm: float = RADIUS_NM
) -> FloatArray:
    """Return noise-free images (n, roi_px, roi_px) in which the background is 1.

    Parameters
    ----------
    x_nm, y_nm : array_like, (n,)
        Position relative to the middle of the ROI, (roi_px − 1) / 2 px: x_px = (roi_px − 1) / 2 + x_nm / 100.
    z_nm : array_like, (n,)
        Height above the focal plane, −6900..6900.
    roi_px : int
        Edge of the ROI at 100 nm/px.
    radius_nm : float
        Radius of the bead.
    """
    x, y, z = (np.atleast_1d(np.asarray(values, np.float64)) for values in (x_nm, y_nm, z_nm))
    middle = 0.5 * (roi_px - 1)
    steps = _table(radius_nm)[3]
    images = np.empty((len(z), roi_px, roi_px))
    for image, one_x, one_y, light in zip(images, x, y, profiles(z, radius_nm), strict=True):
        _render(light, steps, BINNING, middle + one_x / NM_PER_PX, middle + one_y / NM_PER_PX, image)
    return images


def camera_noise(photons_e: float, bits: int = 8) -> CameraNoise:
    """Return the noise of a camera whose full scale is `photons_e` electrons."""
    full_scale = 2**bits - 1
    return CameraNoise(gain_dn_per_e=full_scale / photons_e, saturation_dn=full_scale)


def expected(light: FloatArray, bits: int = 8, background: float = BACKGROUND) -> FloatArray:
    """Return the mean grey levels of images in which the background is 1, before clipping and rounding."""
    return np.asarray(light * background * (2**bits - 1))


def expose(
    light: FloatArray,
    photons_e: float,
    rng: np.random.Generator,
    bits: int = 8,
    background: float = BACKGROUND,
    read_noise_e: float = 0.0,
) -> Images:
    """Return images with shot noise, read noise, rounding and clipping; uint8 up to 8 bits, else uint16.

    Parameters
    ----------
    light : ndarray, (n, height, width)
        Noise-free images in which the background is 1.
    photons_e : float
        Electrons at full scale; infinite: no noise, only rounding.
    """
    full_scale = 2**bits - 1
    if np.isinf(photons_e):
        levels = expected(light, bits, background)
    else:
        electrons = rng.poisson(light * background * photons_e) + rng.normal(0.0, read_noise_e, light.shape)
        levels = electrons / photons_e * full_scale
    clipped = np.clip(np.rint(levels), 0, full_scale)
    return clipped.astype(np.uint8) if bits <= 8 else clipped.astype(np.uint16)


def bead_images(
    x_nm: npt.ArrayLike,
    y_nm: npt.ArrayLike,
    z_nm: npt.ArrayLike,
    roi_px: int,
    photons_e: float,
    rng: np.random.Generator,
    bits: int = 8,
    background: float = BACKGROUND,
) -> tuple[Images, FloatArray]:
    """Return images (n, roi_px, roi_px) and their noise-free expectation in grey levels; see `clean`."""
    light = clean(x_nm, y_nm, z_nm, roi_px)
    return expose(light, photons_e, rng, bits, background), expected(light, bits, background)


def sweep(
    z_nm: npt.ArrayLike,
    n_per_plane: int,
    roi_px: int,
    photons_e: float,
    rng: np.random.Generator,
    bits: int = 8,
    spread_nm: float = 50.0,
    background: float = BACKGROUND,
) -> Images:
    """Return a focus sweep (n_planes, n_per_plane, roi_px, roi_px) over a bead moved by ± spread_nm."""
    z = np.repeat(np.asarray(z_nm, np.float64), n_per_plane)
    x, y = rng.uniform(-spread_nm, spread_nm, (2, len(z)))
    images, _ = bead_images(x, y, z, roi_px, photons_e, rng, bits, background)
    return images.reshape(-1, n_per_plane, roi_px, roi_px)


def bounds(
    xyz_nm: FloatArray, roi_px: int, photons_e: float, bits: int = 8, background: float = BACKGROUND
) -> FloatArray:
    """Return the Cramér–Rao bounds (n, 3) in nm of x, y, z with gain and offset unknown.

    The information is that of the noise-free images, with derivatives by central differences of ± 4 nm,
    Poisson noise, rounding (1/12 DN²), and without the pixels that saturate.
    """
    full_scale = 2**bits - 1
    result = np.empty((len(xyz_nm), 3))
    for row, position in zip(result, xyz_nm, strict=True):
        steps = np.concatenate([np.zeros((1, 3)), 4 * np.eye(3), -4 * np.eye(3)])
        x, y, z = (position + steps).T
        light = expected(clean(x, y, z, roi_px), bits, background).reshape(7, -1)
        known = light[0] < full_scale
        jacobian = np.stack([*(light[1:4] - light[4:7]) / 8, light[0], np.ones(light.shape[1])])[:, known]
        variance = light[0, known] * full_scale / photons_e + 1 / 12
        row[:] = np.sqrt(np.diag(np.linalg.inv((jacobian / variance) @ jacobian.T))[:3])
    return result
