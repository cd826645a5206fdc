"""What every analysis asks of its input."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def evenly_sampled(values: npt.ArrayLike, interval_s: float, fewest: int, what: str) -> FloatArray:
    """Return values (n,) as float64 if they can be analysed.

    Parameters
    ----------
    values : array_like, (n,)
        Evenly sampled, all finite.
    interval_s : float
        Between two of them.
    fewest : int
        Least number of values.
    what : str
        What is made of them, with its article: "a spectrum".

    Raises
    ------
    ValueError
        There are too few values, one is not finite, or the interval is no finite number above 0.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) < fewest or not np.isfinite(x).all():
        raise ValueError(f"{what} needs at least {fewest} finite values, not {x.shape}; leave gaps out first")
    if not 0 < interval_s < math.inf:
        raise ValueError(
            f"interval_s must be a finite number above 0, not {interval_s}; give the time between two values"
        )
    return x
