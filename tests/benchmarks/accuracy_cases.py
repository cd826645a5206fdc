"""What the accuracy benchmark looks at: images with known truth, and trackers to try on them."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT, Tracker
from tests.benchmarks import bead_images

FloatArray = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
#: Noise-free light of beads at positions (n, 3) in nm relative to the ROI's middle; background 1.
Light = Callable[[FloatArray, int], FloatArray]

NM = bead_images.NM_PER_PX
LUT_Z_NM = np.arange(-4500.0, -1499.0, 50.0)
_TEST_Z_NM = (-4200.0, -1800.0)
_FRAMES_PER_PLANE = 12
_STEP_NM = 4.0
METHODS = ("qi", "full", "fast")


def own_light(xyz_nm: FloatArray, roi_px: int) -> FloatArray:
    """Our simulator: 25 nm/px, binned 4 × 4."""
    return bead_images.clean(*xyz_nm.T, roi_px=roi_px)


def magtrack_light(xyz_nm: FloatArray, roi_px: int) -> FloatArray:
    """magtrack's simulator, rendered at 25 nm/px and binned 4 × 4."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulate = importlib.import_module("magtrack.simulation").simulate_beads
    fine = xyz_nm.copy()
    # Its middle is pixel size // 2; after binning that is 3/8 px below ours, whose middle is 1/2 px below.
    fine[:, :2] -= 12.5
    images = [
        simulate(one[None], nm_per_px=25.0, size_px=4 * roi_px, radius_nm=bead_images.RADIUS_NM)[:, :, 0]
        for one in fine
    ]
    binned = np.stack(images).reshape(-1, roi_px, 4, roi_px, 4).mean(axis=(2, 4))
    return np.asarray(binned / 0.4)


@dataclass(frozen=True)
class Camera:
    """Light to grey levels: electrons at full scale, bits."""

    photons_e: float
    bits: int

    def expose(self, light: FloatArray, rng: np.random.Generator) -> Images:
        return bead_images.expose(light, self.photons_e, rng, self.bits)


@dataclass(frozen=True)
class Result:
    """Positions in nm relative to the ROI's middle, and what was expected of them, (n, 3); NaN: none."""

    xyz_nm: FloatArray
    sigma_nm: FloatArray


def positions(n: int, rng: np.random.Generator, spread_nm: float = 100.0) -> FloatArray:
    """Random positions (n, 3) in nm around the ROI's middle, over the inner part of the Z-LUT."""
    return np.column_stack([rng.uniform(-spread_nm, spread_nm, (n, 2)), rng.uniform(*_TEST_Z_NM, n)])


def bounds(light: Light, xyz_nm: FloatArray, roi_px: int, camera: Camera) -> FloatArray:
    """Cramér–Rao bounds (n, 3) in nm with gain and offset unknown, without saturated pixels."""
    steps = np.concatenate([np.zeros((1, 3)), _STEP_NM * np.eye(3), -_STEP_NM * np.eye(3)])
    full_scale = 2**camera.bits - 1
    rows = []
    for position in xyz_nm:
        level = bead_images.expected(light(position + steps, roi_px), camera.bits).reshape(7, -1)
        known = level[0] < full_scale
        jacobian = np.stack([*(level[1:4] - level[4:7]) / (2 * _STEP_NM), level[0], np.ones(level.shape[1])])
        jacobian = jacobian[:, known]
        variance = level[0, known] * full_scale / camera.photons_e + 1 / 12
        rows.append(np.sqrt(np.diag(np.linalg.inv((jacobian / variance) @ jacobian.T))[:3]))
    return np.array(rows)


class Bench:
    """One simulator, ROI and camera: a noisy sweep, and everybody's Z-LUT of it.

    Parameters
    ----------
    light : Light
        The simulator.
    roi_px : int
        Edge of the ROI.
    camera : Camera
        Also of the sweep.
    places_per_plane : int
        Noise-free images rendered per plane; the other frames of a plane differ by noise only.
    """

    def __init__(self, light: Light, roi_px: int, camera: Camera, places_per_plane: int) -> None:
        rng = np.random.default_rng(7)
        self.light, self.roi_px, self.camera = light, roi_px, camera
        z = np.repeat(LUT_Z_NM, places_per_plane)
        clean = light(np.column_stack([rng.uniform(-50, 50, (len(z), 2)), z]), roi_px)
        repeats = max(1, _FRAMES_PER_PLANE // places_per_plane)
        sweep = np.stack([camera.expose(clean, rng) for _ in range(repeats)], axis=1)
        self._sweep = sweep.reshape(len(LUT_Z_NM), -1, roi_px, roi_px)
        self.zlut = ZLUT.from_sweep(self._sweep, LUT_Z_NM)
        self._noise = bead_images.camera_noise(camera.photons_e, camera.bits)

    def track(self, name: str, images: Images) -> Result:
        """Track with one of METHODS, or "magtrack"."""
        if name == "magtrack":
            return self._magtrack(images)
        with Tracker(self.roi_px, self.zlut, self._noise, name) as tracker:
            tracks = tracker.track(images, [[0, 0]])
        middle = (self.roi_px - 1) / 2
        xyz = [(tracks.x_px[:, 0] - middle) * NM, (tracks.y_px[:, 0] - middle) * NM, tracks.z_nm[:, 0]]
        sigma = [tracks.sigma_x_px[:, 0] * NM, tracks.sigma_y_px[:, 0] * NM, tracks.sigma_z_nm[:, 0]]
        return Result(np.column_stack(xyz), np.column_stack(sigma))

    def _magtrack(self, images: Images) -> Result:
        magtrack = load_magtrack()
        assert magtrack is not None  # asked for only where it is installed
        flat = self._sweep.reshape(-1, self.roi_px, self.roi_px)
        profiles = magtrack.stack_to_xyzp(_stack(flat))[3]
        table = np.nanmean(profiles.reshape(len(profiles), len(LUT_Z_NM), -1), axis=2)
        x, y, z, _ = magtrack.stack_to_xyzp(_stack(images), np.vstack([LUT_Z_NM, table]))
        middle = (self.roi_px - 1) / 2
        xyz = np.column_stack([(x - middle) * NM, (y - middle) * NM, z])
        return Result(np.asarray(xyz, np.float64), np.full(xyz.shape, np.nan))


def load_magtrack() -> Any:
    """Return magtrack, or None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("magtrack")
    except ImportError:
        return None


def _stack(images: Images) -> FloatArray:
    return np.ascontiguousarray(np.moveaxis(images, 0, 2)).astype(np.float64)


def with_neighbour(light: FloatArray, xyz_nm: FloatArray, roi_px: int, source: Light) -> FloatArray:
    """Add a bead 1.2 ROI away, at the same height, in a direction that goes round."""
    angles = np.linspace(0, 2 * np.pi, len(xyz_nm), endpoint=False)
    away = 1.2 * roi_px * NM
    other = xyz_nm + np.column_stack([away * np.cos(angles), away * np.sin(angles), np.zeros(len(angles))])
    return np.maximum(light + source(other, roi_px) - 1, 0.0)


def with_gradient(light: FloatArray) -> FloatArray:
    """Add light that rises by a tenth of the background across the ROI."""
    return light + np.linspace(0.0, 0.1, light.shape[2])


def with_drift(light: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Change the light of every image by up to 20 %."""
    return light * rng.uniform(0.8, 1.2, (len(light), 1, 1))


def off_centre(n: int, rng: np.random.Generator) -> FloatArray:
    """Positions 1.2 µm from the ROI's middle in random directions."""
    xyz = positions(n, rng)
    angles = rng.uniform(0, 2 * np.pi, n)
    xyz[:, 0], xyz[:, 1] = 1200 * np.cos(angles), 1200 * np.sin(angles)
    return xyz
