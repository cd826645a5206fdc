"""How a sphere is held back by the water and the coverslip."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.config import Simulation

Floats = npt.NDArray[np.float64]


def drags_pn_s_per_nm(
    radius_nm: npt.ArrayLike, height_nm: npt.ArrayLike, viscosity_pn_s_per_nm2: float
) -> tuple[Floats, Floats]:
    """Return a sphere's drag along and perpendicular to the coverslip, its centre at `height_nm`.

    Stokes drag with Faxén's correction along and the series of Schäffer et al. 2007 (Langmuir 23:3654)
    perpendicular to the surface.
    """
    radius = np.asarray(radius_nm, np.float64)
    free = 6.0 * math.pi * viscosity_pn_s_per_nm2 * radius
    s = np.minimum(radius / np.asarray(height_nm, np.float64), 1.0)
    along = 1.0 - 9 / 16 * s + s**3 / 8 - 45 / 256 * s**4 - s**5 / 16
    upright = 1.0 - 9 / 8 * s + s**3 / 2 - 0.57 * s**4 + s**5 / 5 + 7 / 200 * s**11 - s**12 / 25
    return free / along, free / np.maximum(upright, 0.02)


def viscosity_pn_s_per_nm2(simulation: Simulation) -> float:
    """Return the viscosity of the medium; 1 Pa s = 1e-6 pN s/nm²."""
    if simulation.viscosity_mpa_s is not None:
        return simulation.viscosity_mpa_s * 1e-9
    return water_viscosity_pn_s_per_nm2(simulation.temperature_k)


def water_viscosity_pn_s_per_nm2(temperature_k: float) -> float:
    """Return the viscosity of water (Vogel equation)."""
    return 2.414e-5 * float(10.0 ** (247.8 / (temperature_k - 140.0))) * 1e-6
