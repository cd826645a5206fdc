"""Turning a tether: how far it reaches under force and twist, and where it buckles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.simulated.worm_like_chain import Floats, WormLikeChain

#: A coil that has taken in the whole tether still has some thickness: least extension over contour length.
SHORTEST = 0.03


@dataclass(frozen=True, slots=True)
class TwistedChain:
    """A worm-like chain whose ends cannot turn freely.

    Stretched and coiled parts are in equilibrium (Marko 2007, Phys. Rev. E 76:021926): the stretched part
    gains the free energy of the force and pays for its twist, the coiled part pays for a softer twist
    only. Twist stiffness of the stretched part is softened by bending (Moroz & Nelson 1997, PNAS 94:14418). A
    chain that is underwound melts at a constant torque instead of coiling, where this comes first (Bryant
    et al. 2003, Nature 424:338), and is no longer shortened by further turns.

    Attributes
    ----------
    chain : WormLikeChain
        The chain without twist.
    torsional_nm : float
        Persistence length of twist without bending.
    plectoneme_nm : float
        The same of the coiled part.
    melting_torque_pn_nm : float
        Torque at which an underwound chain melts.
    """

    chain: WormLikeChain
    torsional_nm: float
    plectoneme_nm: float
    melting_torque_pn_nm: float

    def extension_nm(self, force_pn: npt.ArrayLike, turns: npt.ArrayLike) -> Floats:
        """Return the mean extension under a force > 0 with turns from the relaxed state."""
        return self.extension_and_stiffness(force_pn, turns)[0]

    def stiffness_pn_per_nm(self, force_pn: npt.ArrayLike, turns: npt.ArrayLike) -> Floats:
        """Return the slope of force over extension at constant turns."""
        return self.extension_and_stiffness(force_pn, turns)[1]

    def extension_and_stiffness(self, force_pn: npt.ArrayLike, turns: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return both at once, in nm and pN/nm.

        A tether that is coiled up entirely gives way no more than its shortest length without twist does.
        """
        force, twisted = np.broadcast_arrays(np.asarray(force_pn, np.float64), np.asarray(turns, np.float64))
        extension, longer, shorter = self._reach_nm(np.stack([force, 1.001 * force, 0.999 * force]), twisted)
        part = extension / self.chain.contour_nm
        untwisted = part / self.chain.stiffness_pn_per_nm(self.chain.extension_nm(force))
        stiffness: Floats = 1.0 / np.maximum((longer - shorter) / (0.002 * force), untwisted)
        return extension, stiffness

    def buckling_torque_pn_nm(self, force_pn: npt.ArrayLike) -> Floats:
        """Return the torque at which a chain begins to coil."""
        soft = self._torsional_nm(force_pn)
        coiled = self._plectoneme_nm(soft)
        gained = self.chain.free_energy_pn(force_pn)
        torque: Floats = np.sqrt(2.0 * self.chain.kt_pn_nm * coiled * gained / (1.0 - coiled / soft))
        return torque

    def buckling_turns(self, force_pn: npt.ArrayLike) -> Floats:
        """Return after how many turns, overwound, a chain begins to coil."""
        twist = self.buckling_torque_pn_nm(force_pn) / (self.chain.kt_pn_nm * self._torsional_nm(force_pn))
        turns: Floats = twist * self.chain.contour_nm / (2.0 * math.pi)
        return turns

    def _reach_nm(self, force_pn: npt.ArrayLike, turns: npt.ArrayLike) -> Floats:
        force = np.asarray(force_pn, np.float64)
        kt, contour = self.chain.kt_pn_nm, self.chain.contour_nm
        # Radians per nm.
        twist = 2.0 * math.pi / contour * np.asarray(turns, np.float64)
        soft = self._torsional_nm(force)
        torque = self.buckling_torque_pn_nm(force)
        first, last = torque / (kt * soft), torque / (kt * self._plectoneme_nm(soft))
        melting = self.melting_torque_pn_nm / (kt * soft)
        # Turns that melt the chain no longer twist it.
        amount = np.where(
            (twist < 0.0) & (melting < first), np.minimum(np.abs(twist), melting), np.abs(twist)
        )
        persistence = self.chain.persistence_nm
        softening = soft**2 / (8.0 * persistence * force) * np.sqrt(kt / (persistence * force))
        stretched = self.chain.extension_nm(force) / contour
        stretched = stretched - 0.5 * kt * np.minimum(amount, first) ** 2 * softening
        uncoiled = (last - amount) / (last - first)
        # Beyond what the theory is for, both may become negative.
        part = np.maximum(stretched, 0.0) * np.clip(uncoiled, 0.0, 1.0)
        reach: Floats = contour * np.maximum(part, SHORTEST)
        return reach

    def _torsional_nm(self, force_pn: npt.ArrayLike) -> Floats:
        """Return the persistence length of twist of a chain that bends under a force."""
        persistence = self.chain.persistence_nm
        tension = np.sqrt(persistence * np.asarray(force_pn, np.float64) / self.chain.kt_pn_nm)
        soft: Floats = 1.0 / (1.0 / self.torsional_nm + 1.0 / (4.0 * persistence * tension))
        return soft

    def _plectoneme_nm(self, soft_nm: Floats) -> Floats:
        """Return that of the coiled part: never stiffer than half of what it coils from."""
        coiled: Floats = np.minimum(self.plectoneme_nm, 0.5 * soft_nm)
        return coiled
