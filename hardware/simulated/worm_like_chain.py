"""The worm-like chain: how far a polymer reaches under a force, and how stiff it is there."""

from __future__ import annotations

from dataclasses import dataclass

_BOUCHIAT = (0.0, 0.0, -0.5164228, -2.737418, 16.07497, -38.87607, 39.49944, -14.17718)


@dataclass(frozen=True, slots=True)
class WormLikeChain:
    """An inextensible worm-like chain (Bouchiat et al. 1999, Biophys. J. 76:409, eq. 7).

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

    def force_pn(self, extension_nm: float) -> float:
        """Return the force at an extension in [0, contour)."""
        part = extension_nm / self.contour_nm
        correction = sum(a * part**i for i, a in enumerate(_BOUCHIAT))
        shape = 0.25 / (1.0 - part) ** 2 - 0.25 + part + correction
        return shape * self.kt_pn_nm / self.persistence_nm

    def stiffness_pn_per_nm(self, extension_nm: float) -> float:
        """Return the slope of the force at an extension in [0, contour)."""
        part = extension_nm / self.contour_nm
        correction = sum(i * a * part ** (i - 1) for i, a in enumerate(_BOUCHIAT) if i)
        slope = 0.5 / (1.0 - part) ** 3 + 1.0 + correction
        return slope * self.kt_pn_nm / (self.persistence_nm * self.contour_nm)

    def extension_nm(self, force_pn: float) -> float:
        """Return the extension at a force ≥ 0, found by bisection because the force rises throughout."""
        low, high = 0.0, self.contour_nm * (1.0 - 1e-9)
        for _ in range(60):
            middle = 0.5 * (low + high)
            if self.force_pn(middle) < force_pn:
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)
