"""Power spectrum of a position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.analysis.samples import evenly_sampled

FloatArray = npt.NDArray[np.float64]


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
        There are too few values, one is not finite, or interval or segment is impossible.
    """
    x = evenly_sampled(values, interval_s, 16, "a spectrum")
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
