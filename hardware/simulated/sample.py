"""The beads on the coverslip: where they lie, how large they are, what holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.simulated import camera_config
from hardware.simulated.sizes import pull_of, radii_of
from hardware.simulated.tether import Trap, trap_at
from hardware.simulated.worm_like_chain import Floats
from magscope_app.config import Config, Simulation


@dataclass(frozen=True, slots=True)
class Sample:
    """What does not change while the sample is watched.

    Attributes
    ----------
    anchors_nm : ndarray, shape (n_beads, 2)
        Where each tether is fixed, x and y from the centre of the frame's first pixel.
    tethered, nicked : ndarray of bool, shape (n_beads,)
        Whether a bead hangs on a tether, and whether turning leaves that as it is.
    size : ndarray of int, shape (n_beads,)
        Index of each bead's radius in `radii_nm`.
    radii_nm : ndarray, shape (n_sizes,)
        The radii there are.
    reach_nm : ndarray, shape (n_beads,)
        How far each bead can get from the coverslip: its tether's contour length, 0 for a stuck one.
    pull : ndarray, shape (n_sizes,)
        The force at these radii relative to that on a bead of usual size.
    """

    anchors_nm: Floats
    tethered: npt.NDArray[np.bool_]
    nicked: npt.NDArray[np.bool_]
    size: npt.NDArray[np.int64]
    radii_nm: Floats
    reach_nm: Floats
    pull: Floats

    @classmethod
    def of(cls, config: Config, rng: np.random.Generator) -> Sample:
        """Lay out the sample that the config describes; the stuck beads come first, nicked tethers next."""
        simulation = config.simulation
        n_beads, number = simulation.n_beads, np.arange(simulation.n_beads)
        tethered = number >= simulation.n_reference
        radii_nm = radii_of(simulation)
        return cls(
            anchors_nm=camera_config.bead_field(config).place(n_beads, rng) * config.optics.nm_per_px,
            tethered=tethered,
            nicked=tethered & (number < simulation.n_reference + simulation.tether.nicked),
            size=rng.integers(len(radii_nm), size=n_beads),
            radii_nm=radii_nm,
            reach_nm=np.where(tethered, simulation.tether.contour_nm, 0.0),
            pull=pull_of(radii_nm, simulation),
        )

    @property
    def radius_nm(self) -> Floats:
        """Radius of each bead."""
        return self.radii_nm[self.size]

    def force_pn(self, on_usual_bead_pn: float) -> Floats:
        """Return the force on each bead."""
        force: Floats = on_usual_bead_pn * self.pull[self.size]
        return force

    def trap(self, on_usual_bead_pn: float, turns: float, simulation: Simulation) -> Trap:
        """Return how every bead would be held; what is said of stuck ones means nothing."""
        kind = 2 * self.size + self.nicked
        kinds, first, which = np.unique(kind, return_index=True, return_inverse=True)
        trap = trap_at(
            self.force_pn(on_usual_bead_pn)[first],
            simulation,
            turns=np.where(kinds % 2, 0.0, turns),
            radius_nm=self.radius_nm[first],
        )
        return Trap(trap.height_nm[which], trap.variance_nm2[which], trap.rate_hz[which])
