"""The part of a trace that can be analysed: evenly sampled, without a gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
#: A step in time of more than so many usual steps is a gap.
_GAP = 1.5


def longest_stretch(t_s: FloatArray, values: npt.NDArray[np.floating]) -> tuple[float, FloatArray]:
    """Return the longest part of a trace without a missing frame or value.

    Parameters
    ----------
    t_s : ndarray of float64, (n,)
        Ascending times in s.
    values : ndarray of float, (n,)
        Positions; NaN where the bead was lost.

    Returns
    -------
    tuple of float and ndarray of float64
        The sampling interval in s (median) and the values; NaN and nothing where there are fewer than two.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) < 2:
        return float("nan"), np.empty(0)
    interval_s = float(np.median(np.diff(t_s)))
    steps = np.diff(finite)
    broken = (steps > 1) | (np.diff(t_s[finite]) > _GAP * interval_s * steps)
    edges = np.concatenate(([0], np.flatnonzero(broken) + 1, [len(finite)]))
    longest = int(np.argmax(np.diff(edges)))
    kept = finite[edges[longest] : edges[longest + 1]]
    return interval_s, np.asarray(values[kept], np.float64)
