"""Power spectrum of a position, and the Lorentzian of a bead in a harmonic trap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
#: Corner frequencies that are tried at first, from lowest to highest frequency of the spectrum.
_TRIALS = 200
_REFINEMENTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """One-sided power spectral density.

    Attributes
    ----------
    frequency_hz : ndarray of float64, (n,)
        Ascending, above 0.
    density : ndarray of float64, (n,)
        Unit² / Hz; its integral is the variance.
    averages : int
        Number of periodograms that were averaged.
    """

    frequency_hz: FloatArray
    density: FloatArray
    averages: int


@dataclass(frozen=True, slots=True)
class Lorentzian:
    """plateau / (1 + (f / corner_hz)²)."""

    plateau: float
    corner_hz: float

    def density(self, frequency_hz: npt.ArrayLike) -> FloatArray:
        """Return the density at some frequencies."""
        return np.asarray(
            self.plateau / (1 + (np.asarray(frequency_hz, np.float64) / self.corner_hz) ** 2), np.float64
        )

    @property
    def variance(self) -> float:
        """The integral from 0 to infinity."""
        return float(self.plateau * self.corner_hz * np.pi / 2)


def power_spectrum(values: npt.ArrayLike, interval_s: float, segment: int | None = None) -> Spectrum:
    """Return the spectrum by Welch's method: Hann windows that overlap by half, mean removed.

    Source: P. D. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70.

    Parameters
    ----------
    values : array_like, (n,)
        Positions, evenly sampled, all finite; at least 16.
    interval_s : float
        Between two of them.
    segment : int, optional
        Samples of each periodogram; by default such that there are about seven.

    Raises
    ------
    ValueError
        There are too few values, one is not finite, or the interval is not above 0.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) < 16 or not np.isfinite(x).all():
        raise ValueError(f"a spectrum needs at least 16 finite values, not {x.shape}; leave gaps out first")
    if not interval_s > 0:
        raise ValueError(f"interval_s must be above 0, not {interval_s}; give the time between two values")
    n = min(len(x), max(16, len(x) // 4)) if segment is None else segment
    if not 16 <= n <= len(x):
        raise ValueError(f"segment must be 16 to {len(x)}, not {n}; leave it out")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    starts = np.arange(0, len(x) - n + 1, max(1, n // 2))
    pieces = np.lib.stride_tricks.sliding_window_view(x, n)[starts]
    pieces = (pieces - pieces.mean(axis=1, keepdims=True)) * window
    power = np.mean(np.abs(np.fft.rfft(pieces, axis=1)) ** 2, axis=0)
    density = 2 * power * interval_s / np.sum(window**2)
    if n % 2 == 0:
        density[-1] /= 2
    frequency_hz = np.fft.rfftfreq(n, interval_s)
    # The mean is removed, and the window spreads that hole over its neighbour.
    return Spectrum(np.asarray(frequency_hz[2:], np.float64), density[2:], len(starts))


def fit_lorentzian(spectrum: Spectrum, highest_hz: float | None = None) -> Lorentzian:
    """Return the Lorentzian of greatest likelihood.

    Each density of a periodogram is distributed exponentially about its mean, so the likelihood is
    −Σ (ln P + S/P). For each corner frequency the best plateau follows in closed form, so one number is
    searched. Aliasing and the blur of the exposure are not modelled: fit well below half the frame rate.

    Source: S. F. Nørrelykke and H. Flyvbjerg, Rev. Sci. Instrum. 81 (2010) 075103.

    Parameters
    ----------
    spectrum : Spectrum
        At least 4 frequencies.
    highest_hz : float, optional
        Frequencies above are left out; by default those above half the highest.

    Raises
    ------
    ValueError
        Fewer than 4 frequencies are left, or the density is 0 everywhere.
    """
    limit_hz = spectrum.frequency_hz[-1] / 2 if highest_hz is None else highest_hz
    used = spectrum.frequency_hz <= limit_hz
    f, s = spectrum.frequency_hz[used], spectrum.density[used]
    if len(f) < 4 or not s.any():
        raise ValueError(f"a fit needs at least 4 frequencies with power, not {len(f)}; give a longer trace")
    low, high = f[0] / 3, f[-1] * 3
    for _ in range(_REFINEMENTS):
        trials = np.geomspace(low, high, _TRIALS)
        shapes = 1 + (f[None, :] / trials[:, None]) ** 2
        plateaus = np.mean(s * shapes, axis=1)
        costs = np.mean(np.log(plateaus[:, None] / shapes), axis=1)
        best = int(np.argmin(costs))
        low, high = trials[max(0, best - 1)], trials[min(_TRIALS - 1, best + 1)]
    return Lorentzian(float(plateaus[best]), float(trials[best]))
