"""What holds a tethered bead: where it rests, how far it is thrown, how fast it returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hardware.simulated.worm_like_chain import WormLikeChain
from magscope_app.config import Simulation

BOLTZMANN_PN_NM_PER_K = 0.01380649
#: Below this force thermal motion fills the whole reach of the tether and a spring no longer describes it.
WEAKEST_FORCE_PN = 0.02


@dataclass(frozen=True, slots=True)
class Trap:
    """A tethered bead at one force.

    Attributes
    ----------
    height_nm : float
        Mean height of the bead's centre above the coverslip.
    variance_nm2 : tuple of float
        Thermal variance in x, y, z.
    rate_hz : tuple of float
        Rate of return in x, y, z in 1/s: 2π times the corner frequency.
    """

    height_nm: float
    variance_nm2: tuple[float, float, float]
    rate_hz: tuple[float, float, float]


def thermal_energy_pn_nm(temperature_k: float) -> float:
    """Return k_B T."""
    return BOLTZMANN_PN_NM_PER_K * temperature_k


def chain_of(simulation: Simulation) -> WormLikeChain:
    """Return the tether that the config describes."""
    tether = simulation.tether
    return WormLikeChain(
        tether.contour_nm, tether.persistence_nm, thermal_energy_pn_nm(simulation.temperature_k)
    )


def trap_at(force_pn: float, simulation: Simulation) -> Trap:
    """Return how a tethered bead is held at a force.

    The field lies along x and keeps the bead from turning about y: in x the bead swings on the tether
    alone, in y on the tether and its own radius (te Velthuis et al. 2010, Biophys. J. 99:1292), so that
    the variance is k_B T · l / F with l = extension in x and extension + radius in y. In z the stiffness is
    the slope of the worm-like chain.
    """
    chain = chain_of(simulation)
    radius_nm = simulation.bead_radius_nm
    force_pn = max(force_pn, WEAKEST_FORCE_PN)
    extension_nm = chain.extension_nm(force_pn)
    height_nm = extension_nm + radius_nm
    stiffness = (force_pn / extension_nm, force_pn / height_nm, chain.stiffness_pn_per_nm(extension_nm))
    along, upright = drags_pn_s_per_nm(radius_nm, height_nm, simulation.temperature_k)
    drags = (along, along, upright)
    return Trap(
        height_nm=height_nm,
        variance_nm2=(
            chain.kt_pn_nm / stiffness[0],
            chain.kt_pn_nm / stiffness[1],
            chain.kt_pn_nm / stiffness[2],
        ),
        rate_hz=(stiffness[0] / drags[0], stiffness[1] / drags[1], stiffness[2] / drags[2]),
    )


def drags_pn_s_per_nm(radius_nm: float, height_nm: float, temperature_k: float) -> tuple[float, float]:
    """Return a sphere's drag along and perpendicular to the coverslip, its centre at `height_nm`.

    Stokes drag in water with Faxén's correction along and the series of Schäffer et al. 2007 (Langmuir
    23:3654) perpendicular to the surface.
    """
    free = 6.0 * math.pi * water_viscosity_pn_s_per_nm2(temperature_k) * radius_nm
    s = min(radius_nm / height_nm, 1.0)
    along = 1.0 - 9 / 16 * s + s**3 / 8 - 45 / 256 * s**4 - s**5 / 16
    upright = 1.0 - 9 / 8 * s + s**3 / 2 - 0.57 * s**4 + s**5 / 5 + 7 / 200 * s**11 - s**12 / 25
    return free / along, free / max(upright, 0.02)


def water_viscosity_pn_s_per_nm2(temperature_k: float) -> float:
    """Return the viscosity of water (Vogel equation; 1 Pa s = 1e-6 pN s/nm²)."""
    return 2.414e-5 * float(10.0 ** (247.8 / (temperature_k - 140.0))) * 1e-6
