"""Few points that look like many, and axis ranges that do not jump."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Shares of the values that the range of an axis must show.
_QUANTILES = (0.002, 0.998)
_MARGIN = 0.15
#: A step in time of more than so many usual ones is a gap.
_JUMP = 3.0


def with_gaps(
    t_s: npt.NDArray[np.float64], values: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Return times and values with NaN, a gap in the line, wherever time jumps.

    Parameters
    ----------
    t_s : ndarray of float64, (n,)
        Ascending times.
    values : ndarray, (n,)
        A value each.

    Returns
    -------
    tuple of ndarray
        The same, with one NaN in the middle of each step of more than three usual ones.
    """
    if len(t_s) < 3:
        return t_s, values
    steps = np.diff(t_s)
    jumps = np.flatnonzero(steps > _JUMP * np.median(steps))
    if not len(jumps):
        return t_s, values
    middles = t_s[jumps] + steps[jumps] / 2
    return np.insert(t_s, jumps + 1, middles), np.insert(values, jumps + 1, np.nan)


def envelope(
    t_s: npt.NDArray[np.float64], values: npt.NDArray[Any], bin_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Return lowest and highest value of each stretch of `bin_s` seconds.

    The stretches lie at whole multiples of `bin_s`, so that a scrolling trace does not flicker. NaN is passed
    over; a stretch of nothing else gives NaN, a gap in the line.

    Parameters
    ----------
    t_s : ndarray of float64, (n,)
        Ascending times.
    values : ndarray, (n,)
        A value each.
    bin_s : float
        Length of a stretch, such as the time that one screen pixel shows.

    Returns
    -------
    tuple of ndarray
        Times and values, at most two per stretch.
    """
    if len(t_s) < 2 or len(t_s) * bin_s <= 2.0 * (t_s[-1] - t_s[0]):
        return t_s, values
    bins = np.floor(t_s / bin_s)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(bins)) + 1))
    low = np.fmin.reduceat(values, starts)
    high = np.fmax.reduceat(values, starts)
    return np.repeat(t_s[starts], 2), np.column_stack((low, high)).ravel()


def steady_range(
    values: npt.NDArray[Any], previous: tuple[float, float] | None, smallest: float
) -> tuple[float, float] | None:
    """Return the range an axis should show: `previous` as long as it fits well.

    Parameters
    ----------
    values : ndarray
        What is shown; NaN is passed over.
    previous : tuple of float, optional
        The range shown now.
    smallest : float
        Least length of the range.

    Returns
    -------
    tuple of float or None
        Lowest and highest; `previous` where there is no finite value.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return previous
    low, high = (float(value) for value in np.quantile(finite, _QUANTILES))
    span = max(high - low, smallest)
    if previous is not None:
        inside = previous[0] <= low and high <= previous[1]
        if inside and span > 0.4 * (previous[1] - previous[0]):
            return previous
    centre, half = (low + high) / 2, span * (0.5 + _MARGIN)
    return centre - half, centre + half
