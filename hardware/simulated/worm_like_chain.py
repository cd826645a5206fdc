"""The worm-like chain: how far a polymer reaches under a force, how stiff it is, what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_BOUCHIAT = np.array((0.0, 0.0, -0.5164228, -2.737418, 16.07497, -38.87607, 39.49944, -14.17718))
_polyval = np.polynomial.polynomial.polyval
#: Extension over contour length is searched between 0 and this.
_MOST = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class WormLikeChain:
    """An inextensible worm-like chain (Bouchiat et al. 1999, Biophys. J. 76:409, eq. 7).

    All methods take and return numbers or arrays.

    Attributes
    ----------
    contour_nm, persistence_nm : float
        Contour and persistence length.
    kt_pn_nm : float
        Thermal energy, Boltzmann constant times temperature.
    """

    contour_nm: float
    persistence_nm: float
    kt_pn_nm: float

    def force_pn(self, extension_nm: npt.ArrayLike) -> Floats:
        """Return the force at an extension in [0, contour)."""
        part = np.asarray(extension_nm, np.float64) / self.contour_nm
        return _shape(part) * (self.kt_pn_nm / self.persistence_nm)

    def stiffness_pn_per_nm(self, extension_nm: npt.ArrayLike) -> Floats:
        """Return the slope of the force at an extension in [0, contour)."""
        part = np.asarray(extension_nm, np.float64) / self.contour_nm
        return _slope(part) * (self.kt_pn_nm / (self.persistence_nm * self.contour_nm))

    def extension_nm(self, force_pn: npt.ArrayLike) -> Floats:
        """Return the extension at a force ≥ 0: a table, then Newton's method."""
        wanted = np.asarray(force_pn, np.float64) * (self.persistence_nm / self.kt_pn_nm)
        table_force, table_part = _table()
        part = np.interp(wanted, table_force, table_part)
        for _ in range(3):
            part = np.clip(part - (_shape(part) - wanted) / _slope(part), 0.0, _MOST)
        return part * self.contour_nm

    def free_energy_pn(self, force_pn: npt.ArrayLike) -> Floats:
        """Return what a force gains per length of chain: the integral of extension over force, in pN.

        It is force · extension less the work of stretching, and positive.
        """
        part = self.extension_nm(force_pn) / self.contour_nm
        powers = np.arange(1, len(_BOUCHIAT) + 1)
        work = 0.25 / (1.0 - part) - 0.25 - 0.25 * part + 0.5 * part**2
        work = work + _polyval(part, np.concatenate(([0.0], _BOUCHIAT / powers)))
        gained: Floats = np.asarray(force_pn) * part - work * (self.kt_pn_nm / self.persistence_nm)
        return gained


def _shape(part: Floats) -> Floats:
    """Return force · persistence / kT at a relative extension."""
    force: Floats = 0.25 / (1.0 - part) ** 2 - 0.25 + part + _polyval(part, _BOUCHIAT)
    return force


def _slope(part: Floats) -> Floats:
    derived = _BOUCHIAT[1:] * np.arange(1, len(_BOUCHIAT))
    slope: Floats = 0.5 / (1.0 - part) ** 3 + 1.0 + _polyval(part, derived)
    return slope


@cache
def _table() -> tuple[Floats, Floats]:
    """Return reduced force and relative extension, denser towards the contour length."""
    part = 1.0 - np.geomspace(1.0, 1e-5, 2000)
    return _shape(part), part
