"""Overlapping Allan deviation of a position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.analysis.samples import evenly_sampled

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
    freedom : ndarray of float64, (n,)
        Equivalent degrees of freedom: `deviation`² is distributed about its mean as χ² with so many.
    """

    tau_s: FloatArray
    deviation: FloatArray
    freedom: FloatArray

    def bounds(self, sds: float = 1.0) -> tuple[FloatArray, FloatArray]:
        """Return the limits of confidence, (n,) each; by default 68 %, as of one standard deviation.

        Source: W. J. Riley, NIST Special Publication 1065 (2008), section 5.3; quantiles of χ² after E. B.
        Wilson and M. M. Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684.
        """
        spread = 2 / (9 * self.freedom)
        low, high = (
            self.deviation * np.maximum(1 - spread + side * sds * np.sqrt(spread), 0.05) ** -1.5
            for side in (1, -1)
        )
        return low, high


def allan_deviation(values: npt.ArrayLike, interval_s: float, per_decade: int = 10) -> AllanDeviation:
    """Return the overlapping Allan deviation at lengths of time that are evenly spaced on a log axis.

    With m samples per length, σ²(τ) = ½ ⟨(x̄ᵢ₊ₘ − x̄ᵢ)²⟩ over all i, where x̄ᵢ is the mean of m samples from i
    on. White noise of variance s² gives σ² = s²/m; a bead in a trap of stiffness κ and drag γ gives at long
    times σ = √(2 k_B T γ / κ² τ), at short ones √(2 k_B T τ / 3 γ).

    The degrees of freedom are those of white noise or of a random walk, whichever has fewer: a bead in a trap
    is between them, so that its limits are rather too wide.

    Source: D. W. Allan, Proc. IEEE 54 (1966) 221; for beads F. Czerwinski, A. C. Richardson and L. B.
    Oddershede, Opt. Express 17 (2009) 13255, and B. M. Lansdorp and O. A. Saleh, Rev. Sci. Instrum. 83 (2012)
    025115. Degrees of freedom: C. A. Greenhall and W. J. Riley, Proc. 35th PTTI Meeting (2003) 267; W. J.
    Riley, NIST Special Publication 1065 (2008), table 5.

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
        There are fewer than 3 values, one is not finite, or interval or `per_decade` is impossible.
    """
    x = evenly_sampled(values, interval_s, 3, "an Allan deviation")
    if per_decade < 1:
        raise ValueError(f"per_decade must be at least 1, not {per_decade}; give lengths per factor of ten")
    longest = len(x) // 3
    decades = np.log10(longest)
    lengths = np.unique(np.round(np.logspace(0, decades, int(decades * per_decade) + 1)).astype(np.int64))
    sums = np.concatenate(([0.0], np.cumsum(x - x.mean())))
    deviation = np.array([_deviation(sums, int(m)) for m in lengths])
    tau_s = np.asarray(lengths * interval_s, np.float64)
    return AllanDeviation(tau_s, deviation, _freedom(len(x), lengths.astype(np.float64)))


def _deviation(sums: FloatArray, m: int) -> float:
    """Return the deviation for m samples per length, from the running sums of the values."""
    steps = sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m]
    return float(np.sqrt(np.mean(steps**2) / 2) / m)


def _freedom(n: int, m: FloatArray) -> FloatArray:
    """Return the degrees of freedom of n values for m samples per length: white noise or a random walk."""
    phases = n + 1
    white = (3 * n / (2 * m) - 2 * (phases - 2) / phases) * 4 * m**2 / (4 * m**2 + 5)
    walk = (phases - 2) / m * (n**2 - 3 * m * n + 4 * m**2) / (phases - 3) ** 2
    return np.asarray(np.clip(np.minimum(white, walk), 1.0, phases - 2 * m), np.float64)
