"""Power spectrum that a camera sees of a bead in a harmonic trap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrappedBead:
    """A bead in a harmonic trap, seen in frames of a camera.

    Attributes
    ----------
    corner_hz : float
        Stiffness over drag, divided by 2π.
    variance : float
        Of the bead's position itself, neither blurred nor with noise: k_B T over stiffness.
    noise_variance : float
        Of what each frame adds: the error of the position, independent from frame to frame.
    interval_s : float
        From frame to frame.
    exposure_s : float
        Time over which a frame averages, 0 to `interval_s`.
    """

    corner_hz: float
    variance: float
    noise_variance: float
    interval_s: float
    exposure_s: float

    def density(self, frequency_hz: npt.ArrayLike) -> FloatArray:
        """Return the one-sided density, in unit²/Hz, at frequencies up to half the frame rate."""
        frequency = np.asarray(frequency_hz, np.float64)
        bead = seen_shape(np.float64(self.corner_hz), frequency, self.interval_s, self.exposure_s)
        return np.asarray(self.variance * bead + 2 * self.interval_s * self.noise_variance, np.float64)


def seen_shape(
    corner_hz: FloatArray | np.float64,
    frequency_hz: FloatArray,
    interval_s: float,
    exposure_s: float,
    n_frames: int = 0,
) -> FloatArray:
    """Return the one-sided density of a bead of variance 1, blurred by the exposure and aliased.

    With a = 2π corner, a mean over an exposure W has the variance 2 (aW − 1 + e^(−aW)) / (aW)² (Wong and
    Halvorsen), and means that begin k intervals Δ apart the covariance (2 sinh(aW/2) / aW)² e^(−akΔ). Their
    Fourier series is geometric, so all aliases are summed exactly; W = Δ is equation 7 of Lansdorp and Saleh.

    Source: W. P. Wong and K. Halvorsen, Opt. Express 14 (2006) 12517; B. M. Lansdorp and O. A. Saleh, Rev.
    Sci. Instrum. 83 (2012) 025115. The mean of a periodogram: A. M. Sykulski et al., Biometrika 106 (2019)
    251.

    Parameters
    ----------
    corner_hz, frequency_hz : ndarray
        Are broadcast against each other.
    interval_s, exposure_s : float
        From frame to frame, and of a frame (at most the interval).
    n_frames : int
        The mean periodogram of so many frames without a window, at whole multiples of its lowest frequency,
        leakage included; 0 for the density itself.
    """
    rate = 2 * np.pi * np.asarray(corner_hz, np.float64)
    decay = np.exp(-rate * interval_s)
    blur = np.maximum(rate * exposure_s, 1e-4)
    at_once = np.where(blur > 1e-3, 2 * (blur + np.expm1(-blur)) / blur**2, 1 - blur / 3)
    next_frame = (np.expm1(-blur) / blur) ** 2 * np.exp(rate * (exposure_s - interval_s))
    turn = np.exp(-2j * np.pi * interval_s * frequency_hz)
    rest = 1 / (1 - decay * turn)
    if n_frames:
        rest = rest - rest**2 * (1 - decay**n_frames) / n_frames
    return np.asarray(2 * interval_s * (at_once + 2 * next_frame * (turn * rest).real), np.float64)
