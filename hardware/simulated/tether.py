"""What holds the tethered beads: where they rest, how far they are thrown, how fast they return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.simulated.drag import drags_pn_s_per_nm, viscosity_pn_s_per_nm2
from hardware.simulated.supercoiling import TwistedChain
from hardware.simulated.worm_like_chain import Floats, WormLikeChain
from magscope_app.config import Simulation

BOLTZMANN_PN_NM_PER_K = 0.01380649
#: Below this force thermal motion fills the whole reach of the tether and a spring no longer describes it.
WEAKEST_FORCE_PN = 0.02


@dataclass(frozen=True, slots=True)
class Trap:
    """Tethered beads, each at its force and twist.

    Attributes
    ----------
    height_nm : ndarray, shape (n_beads,)
        Mean height of a bead's centre above the coverslip.
    variance_nm2 : ndarray, shape (n_beads, 3)
        Thermal variance along the field, across it, and upright.
    rate_hz : ndarray, shape (n_beads, 3)
        Rate of return in these directions in 1/s: 2π times the corner frequency.
    """

    height_nm: Floats
    variance_nm2: Floats
    rate_hz: Floats


def thermal_energy_pn_nm(temperature_k: float) -> float:
    """Return k_B T."""
    return BOLTZMANN_PN_NM_PER_K * temperature_k


def chain_of(simulation: Simulation) -> TwistedChain:
    """Return the tether that the config describes."""
    tether = simulation.tether
    kt = thermal_energy_pn_nm(simulation.temperature_k)
    return TwistedChain(
        WormLikeChain(tether.contour_nm, tether.persistence_nm, kt),
        tether.torsional_nm,
        tether.plectoneme_nm,
        tether.melting_torque_pn_nm,
    )


def trap_at(
    force_pn: npt.ArrayLike,
    simulation: Simulation,
    *,
    turns: npt.ArrayLike = 0.0,
    radius_nm: npt.ArrayLike | None = None,
) -> Trap:
    """Return how beads are held at their forces.

    The field keeps a bead from turning about the axis across it: along the field the bead swings on the
    tether alone, across it on the tether and its own radius (te Velthuis et al. 2010, Biophys. J.
    99:1292; Daldrop et al. 2015, Biophys. J. 108:2550), so that the variance is k_B T · l / F with l =
    extension along and extension + radius across. Upright the stiffness is the slope of force over
    extension at constant turns. Where a spring would throw a bead further (rms) than tether and arm
    reach, it is as stiff as that allows.

    Parameters
    ----------
    force_pn : array_like, shape (n_beads,)
        Force on each bead; less than `WEAKEST_FORCE_PN` counts as that.
    simulation : Simulation
        Tether, temperature, medium.
    turns : array_like, shape (n_beads,)
        Turns of each tether from its relaxed state.
    radius_nm : array_like, shape (n_beads,), optional
        Radius of each bead; without it that of the config.
    """
    chain = chain_of(simulation)
    force, twist, radius = np.broadcast_arrays(
        np.atleast_1d(np.maximum(force_pn, WEAKEST_FORCE_PN)),
        np.asarray(turns, np.float64),
        np.asarray(simulation.bead_radius_nm if radius_nm is None else radius_nm, np.float64),
    )
    extension, upright_stiffness = chain.extension_and_stiffness(force, twist)
    height = extension + radius
    kt, contour = chain.chain.kt_pn_nm, np.full_like(radius, chain.chain.contour_nm)
    reach = np.stack([contour, contour + radius, contour], axis=-1)
    stiffness = np.stack([force / extension, force / height, upright_stiffness], axis=-1)
    stiffness = np.maximum(stiffness, kt / reach**2)
    along, upright = drags_pn_s_per_nm(radius, height, viscosity_pn_s_per_nm2(simulation))
    drag = np.stack([along, along, upright], axis=-1)
    return Trap(height, kt / stiffness, stiffness / drag)
