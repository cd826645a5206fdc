"""Overlapping Allan deviation of a position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AllanDeviation:
    """How far averages over neighbouring times of a length lie apart.

    Attributes
    ----------
    tau_s : ndarray of float64, (n,)
        Lengths of time, ascending.
    deviation : ndarray of float64, (n,)
        In the unit of the position.
    """

    tau_s: FloatArray
    deviation: FloatArray


def allan_deviation(values: npt.ArrayLike, interval_s: float, per_decade: int = 10) -> AllanDeviation:
    """Return the overlapping Allan deviation at lengths of time that are evenly spaced on a log axis.

    With m samples per length, σ²(τ) = ½ ⟨(x̄ᵢ₊ₘ − x̄ᵢ)²⟩ over all i, where x̄ᵢ is the mean of m samples from i
    on. White noise of variance s² gives σ² = s²/m; a bead in a trap of stiffness κ and drag γ gives at long
    times σ = √(2 k_B T γ / κ² τ), at short ones √(2 k_B T τ / 3 γ).

    Source: D. W. Allan, Proc. IEEE 54 (1966) 221; for beads F. Czerwinski, A. C. Richardson and L. B.
    Oddershede, Opt. Express 17 (2009) 13255, and B. M. Lansdorp and O. A. Saleh, Rev. Sci. Instrum. 83 (2012)
    025115.

    Parameters
    ----------
    values : array_like, (n,)
        Positions, evenly sampled, all finite; at least 3.
    interval_s : float
        Between two of them.
    per_decade : int
        Lengths per factor of ten.

    Raises
    ------
    ValueError
        There are fewer than 3 values, one is not finite, or the interval is not above 0.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) < 3 or not np.isfinite(x).all():
        raise ValueError(
            f"an Allan deviation needs at least 3 finite values, not {x.shape}; leave gaps out first"
        )
    if not interval_s > 0:
        raise ValueError(f"interval_s must be above 0, not {interval_s}; give the time between two values")
    longest = len(x) // 3
    decades = np.log10(longest)
    lengths = np.unique(np.round(np.logspace(0, decades, int(decades * per_decade) + 1)).astype(np.int64))
    sums = np.concatenate(([0.0], np.cumsum(x - x.mean())))
    deviation = [_deviation(sums, int(m)) for m in lengths]
    return AllanDeviation(np.asarray(lengths * interval_s, np.float64), np.array(deviation))


def _deviation(sums: FloatArray, m: int) -> float:
    """Return the deviation for m samples per length, from the running sums of the values."""
    steps = sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m]
    return float(np.sqrt(np.mean(steps**2) / 2) / m)
