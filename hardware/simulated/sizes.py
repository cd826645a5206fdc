"""How large the beads are, and how hard the magnets pull at each size."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from hardware.simulated.worm_like_chain import Floats
from magscope_app.config import Simulation

#: Where radii differ, there are so many different ones: each needs a table of images of its own.
SIZES = 12


def radii_of(simulation: Simulation) -> Floats:
    """Return the different radii of the beads: equally likely values of a normal distribution."""
    spread_nm = simulation.bead_radius_sd_nm
    if spread_nm == 0.0:
        return np.array([simulation.bead_radius_nm])
    normal = np.array([NormalDist().inv_cdf((i + 0.5) / SIZES) for i in range(SIZES)])
    radii: Floats = simulation.bead_radius_nm + spread_nm * normal / normal.std()
    return radii


def pull_of(radii_nm: Floats, simulation: Simulation) -> Floats:
    """Return the force on beads of these radii, relative to the usual one: it grows with the iron inside."""
    pull: Floats = (radii_nm / simulation.bead_radius_nm) ** 3
    return pull
