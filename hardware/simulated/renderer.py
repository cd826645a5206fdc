"""Draws frames: beads with fresh noise over background noise from a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.simulated.optics import BeadTable

#: Pixels of background noise that are drawn in advance. Every row of every frame starts at a random one.
_POOL_PX = 1 << 22
#: Light that floods the camera, as a part of its range.
_FLOOD = 1.25


@dataclass(frozen=True, slots=True)
class Light:
    """What light becomes in the camera.

    Attributes
    ----------
    background_e : float
        Electrons per pixel and frame where there is no bead.
    contrast : float
        Contrast of the rings; 1 for fully coherent light.
    gain_dn_per_e, offset_dn, read_noise_e : float
        Gain, grey level without light, and read noise.
    highest_dn : int
        Grey level at which a pixel saturates.
    """

    background_e: float
    contrast: float
    gain_dn_per_e: float
    offset_dn: float
    read_noise_e: float
    highest_dn: int

    def flooding(self) -> Light:
        """Return light that is too bright for the camera: all but dark rings saturates."""
        enough_e = _FLOOD * self.highest_dn / self.gain_dn_per_e
        return replace(self, background_e=max(self.background_e, enough_e))


class Renderer:
    """Draws beads into frames.

    Parameters
    ----------
    kernels : module
        `hardware.simulated.kernels`, imported by whoever may wait for it.
    tables : sequence of BeadTable
        What beads of each size look like; they differ in `contrast` only.
    dtype : numpy.dtype
        Type of a pixel.
    key : int
        Random key of the background noise.
    """

    def __init__(
        self, kernels: ModuleType, tables: Sequence[BeadTable], dtype: np.dtype[Any], key: int
    ) -> None:
        self._kernels = kernels
        self._contrasts = np.stack([table.contrast for table in tables])
        self._table_z = (tables[0].z0_nm, tables[0].z_step_nm, float(tables[0].steps_per_px))
        self._dtype = dtype
        self._key = key
        self._normals = normal_table(kernels.NORMALS)
        self._pool: npt.NDArray[Any] = np.empty(0, dtype)
        self._light: tuple[float, ...] = ()

    def set_light(self, light: Light) -> None:
        """Use other light from now on."""
        self._light = (
            float(light.background_e),
            float(light.contrast),
            float(light.gain_dn_per_e),
            float(light.offset_dn),
            float(light.read_noise_e),
            float(light.highest_dn),
        )
        mean = light.offset_dn + light.gain_dn_per_e * light.background_e
        sigma = light.gain_dn_per_e * np.sqrt(light.background_e + light.read_noise_e**2)
        if not self._pool.size:
            self._pool = np.empty(_POOL_PX, self._dtype)
        self._kernels.fill_noise(
            self._pool, float(mean), float(sigma), float(light.highest_dn), self._normals, self._key
        )

    def draw(
        self,
        frame: npt.NDArray[Any],
        centres: npt.NDArray[np.float64],
        sizes: npt.NDArray[np.int64],
        key: int,
    ) -> None:
        """Fill `frame` (height, width) with beads at `centres` (n_beads, 3: x_px, y_px, z_nm).

        `sizes` (n_beads,) says which table each of them looks like. Noise is Gaussian with the variance of
        Poisson and read noise: at 10 electrons and more the difference to Poisson noise is in the skewness
        only.
        """
        kernels = self._kernels
        kernels.copy_background(frame, self._pool, key)
        kernels.draw_beads(
            frame, centres, sizes, self._contrasts, self._table_z, self._light, self._normals, key + 1
        )


def normal_table(n: int) -> npt.NDArray[np.float32]:
    """Return `n` equally likely normal numbers of mean 0 and variance 1."""
    upper = [NormalDist().inv_cdf((i + 0.5) / n) for i in range(n // 2, n)]
    values = np.array([-value for value in reversed(upper)] + upper)
    normals: npt.NDArray[np.float32] = (values / values.std()).astype(np.float32)
    return normals
