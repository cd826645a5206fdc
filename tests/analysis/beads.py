"""Beads in a trap whose truth is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

FloatArray = npt.NDArray[np.float64]
#: Steps per frame: the mean over an exposure is that over steps.
_STEPS = 20


def trapped(n: int, interval_s: float, corner_hz: float, variance: float, seed: int) -> FloatArray:
    """Return positions of a bead in a harmonic trap: an Ornstein-Uhlenbeck process, exact at each sample."""
    walk = _walk(np.random.default_rng(seed), n, interval_s, corner_hz)
    return np.asarray(np.sqrt(variance) * walk, np.float64)


def seen(
    rng: np.random.Generator,
    n: int,
    interval_s: float,
    corner_hz: float,
    *,
    exposure: float = 1.0,
    noise: float = 0.0,
) -> FloatArray:
    """Return what a camera sees of a bead of variance 1.

    Each value is a mean over a share of the interval, with noise of so many times the bead's rms.
    """
    steps = _walk(rng, n * _STEPS, interval_s / _STEPS, corner_hz).reshape(n, _STEPS)
    exposed = max(1, round(exposure * _STEPS))
    return np.asarray(steps[:, :exposed].mean(axis=1) + noise * rng.normal(size=n), np.float64)


def _walk(rng: np.random.Generator, n: int, interval_s: float, corner_hz: float) -> FloatArray:
    decay = np.exp(-2 * np.pi * corner_hz * interval_s)
    kicks = rng.normal(0, np.sqrt(1 - decay**2), n)
    kicks[0] = rng.normal()
    return np.asarray(lfilter([1.0], [1.0, -decay], kicks), np.float64)
