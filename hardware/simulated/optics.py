"""What a bead looks like: scalar diffraction by a phase disc, tabulated over radius and height."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from magscope_app.config import Simulation
from magscope_app.config.simulation import Light, Refraction

STEPS_PER_PX = 8
Z_STEP_NM = 25.0
Z_REACH_NM = 10_000.0
#: Rings are drawn up to this part of a ROI's side, fading over the last sixth, so that neighbours do not mix.
REACH_PER_ROI = 0.66
#: No ring is drawn beyond this distance from the bead, however large the ROI is.
REACH_NM = 8000.0
_WAVES = 192
_RINGS_OF_BEAD = 64


@dataclass(frozen=True)
class BeadTable:
    """Light around a bead relative to the background, minus 1.

    Attributes
    ----------
    contrast : ndarray, shape (n_z, n_radii), float32
        Relative intensity minus 1 at radius ``column / steps_per_px`` px and z ``z0_nm + row · z_step_nm``.
    z0_nm, z_step_nm : float
        Bead height relative to the focal plane of the first row, and the step to the next one.
    steps_per_px : int
        Columns per pixel.
    """

    contrast: npt.NDArray[np.float32]
    z0_nm: float
    z_step_nm: float
    steps_per_px: int


@dataclass(frozen=True, slots=True)
class Optics:
    """What decides how a bead looks; the values as in [simulation.light] and [simulation.refraction]."""

    light: Light = field(default_factory=Light)
    refraction: Refraction = field(default_factory=Refraction)

    @classmethod
    def of(cls, simulation: Simulation) -> Optics:
        """Return what the config says."""
        return cls(simulation.light, simulation.refraction)


def bead_table(
    *,
    radius_nm: float,
    nm_per_px: float,
    roi_px: int,
    z_reach_nm: float = Z_REACH_NM,
    optics: Optics | None = None,
) -> BeadTable:
    """Compute the images of one kind of bead.

    The bead is a disc that delays and absorbs the light by its thickness. Its spectrum of plane waves is
    propagated to the focal plane (angular spectrum; Goodman, Introduction to Fourier Optics, ch. 3), where
    it interferes with the light that passed the bead. The finite source and its spectral width damp the
    waves of high angle far from focus, which is why rings fade.

    Parameters
    ----------
    radius_nm : float
        Radius of the bead.
    nm_per_px : float
        Size of a pixel at the sample.
    roi_px : int
        Side of the ROI in which the rings are to fade out.
    z_reach_nm : float
        The table covers minus to plus this height relative to the focal plane.
    optics : Optics, optional
        Light, bead and medium; without it the usual ones.
    """
    optics = optics or Optics()
    light, refraction = optics.light, optics.refraction
    wavenumber = 2.0 * np.pi * refraction.medium_index / light.wavelength_nm
    highest = 2.0 * np.pi * refraction.numerical_aperture / light.wavelength_nm
    lateral, weight = _quadrature(_WAVES, highest)
    axial = np.sqrt(wavenumber**2 - lateral**2) - wavenumber
    # A soft edge of the pupil: a hard one rings on for ever.
    pupil = np.exp(-0.7 * (lateral / highest) ** 4)
    waves = weight * lateral * pupil * _spectrum(lateral, radius_nm, optics)

    z_nm = np.arange(-z_reach_nm, z_reach_nm + 0.5 * Z_STEP_NM, Z_STEP_NM)
    blur = np.multiply.outer(z_nm, lateral) * (1e-3 * light.source_angle_mrad)
    dispersion = np.multiply.outer(z_nm, axial)
    damping = np.exp(-0.5 * blur**2 - 0.5 * (dispersion * light.spectral_width) ** 2)
    propagated = damping * np.exp(1j * dispersion) * waves

    reach_px = min(REACH_PER_ROI * roi_px, REACH_NM / nm_per_px)
    n_radii = max(int(reach_px * STEPS_PER_PX), 1) + 2
    radii_px = np.arange(n_radii) / STEPS_PER_PX
    basis = bessel_j0(np.multiply.outer(lateral, radii_px * nm_per_px))
    intensity = (1.0 + propagated.real @ basis) ** 2 + (propagated.imag @ basis) ** 2
    contrast = ((intensity - 1.0) * _fade(radii_px)).astype(np.float32)
    return BeadTable(contrast, float(z_nm[0]), Z_STEP_NM, STEPS_PER_PX)


def bessel_j0(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the Bessel function J0 of `x` ≥ 0 to 1e-7 (Abramowitz & Stegun 9.4.1 and 9.4.3)."""
    t = (x / 3.0) ** 2
    near = np.polynomial.polynomial.polyval(
        np.minimum(t, 1.0), (1.0, -2.2499997, 1.2656208, -0.3163866, 0.0444479, -0.0039444, 0.0002100)
    )
    far_x = np.maximum(x, 3.0)
    u = 3.0 / far_x
    size = np.polynomial.polynomial.polyval(
        u, (0.79788456, -0.00000077, -0.00552740, -0.00009512, 0.00137237, -0.00072805, 0.00014476)
    )
    phase = far_x + np.polynomial.polynomial.polyval(
        u, (-0.78539816, -0.04166397, -0.00003954, 0.00262573, -0.00054125, -0.00029333, 0.00013558)
    )
    return np.where(x < 3.0, near, size * np.cos(phase) / np.sqrt(far_x))


def _spectrum(
    lateral: npt.NDArray[np.float64], radius_nm: float, optics: Optics
) -> npt.NDArray[np.complex128]:
    """Return the Hankel transform of what the bead changes in the light that passes it."""
    rho, weight = _quadrature(_RINGS_OF_BEAD, radius_nm)
    refraction = optics.refraction
    path = 2.0 * np.sqrt(radius_nm**2 - rho**2) * 2.0 * np.pi / optics.light.wavelength_nm
    delay = refraction.bead_index - refraction.medium_index
    change = np.exp(path * (1j * delay - refraction.bead_absorption)) - 1.0
    kernel = bessel_j0(np.multiply.outer(lateral, rho))
    result: npt.NDArray[np.complex128] = kernel @ (change * weight * rho)
    return result


def _quadrature(n: int, upper: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return nodes and weights of the Gauss-Legendre rule on 0..upper."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 * upper * (nodes + 1.0), 0.5 * upper * weights


def _fade(radii_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a window that is 1 and falls to 0 as a cosine over the last sixth of the radii."""
    part = np.clip((radii_px / radii_px[-2] - 5.0 / 6.0) * 6.0, 0.0, 1.0)
    window: npt.NDArray[np.float64] = 0.5 * (1.0 + np.cos(np.pi * part))
    return window
