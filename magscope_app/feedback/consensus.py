"""What several beads have in common, whatever one of them does by itself."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Beads needed for a plane, and how far (nm) they must lie off one line.
_PLANE_BEADS, _OFF_LINE_NM = 3, 1000.0
#: Fewest beads with a median that is not their mean.
_TO_WEIGH = 3


def shares_of(moved_nm: Floats, rests_nm: Floats, half_nm: float) -> Floats:
    """Return what each bead (n, 3) counts: 1 at the median of all, half at a distance from it, then little.

    The weights of Cauchy's M-estimator. One of three beads that moves by itself drags what all have in common
    by a fifth of the distance at most, however far it goes; the mean would follow by a third of its way. Two
    count the same: nobody knows which of them moves.

    Parameters
    ----------
    moved_nm : ndarray (n, 3)
        How far each has moved; NaN where it is not seen.
    rests_nm : ndarray (n, 3)
        How far each was from the others when it was seen last: so one that is not seen counts as before. NaN
        where that is not known.
    half_nm : float
        The distance.
    """
    shares = np.ones_like(moved_nm)
    for axis, (moved, rest) in enumerate(zip(moved_nm.T, rests_nm.T, strict=True)):
        seen = ~np.isnan(moved)
        known = seen | ~np.isnan(rest)
        if known.sum() < _TO_WEIGH or not seen.any():
            continue
        last = np.nan_to_num(rest)
        all_nm: Floats = np.where(seen, moved, np.median((moved - last)[seen]) + last)
        shares[:, axis] = 1 / (1 + ((all_nm - np.median(all_nm[known])) / half_nm) ** 2)
    return shares


def mean_of_known(table: Floats, shares: Floats) -> Floats:
    """Return the weighted mean over rows (n, m), column by column, of what is known; NaN where nothing is."""
    known = ~np.isnan(table)
    weights = np.where(known, shares, 0.0).sum(axis=0)
    sums = np.where(known, table * shares, 0.0).sum(axis=0)
    found: Floats = np.where(weights > 0, sums / np.where(weights > 0, weights, 1.0), np.nan)
    return found


def plane_slopes(at: Floats, dz_nm: Floats, shares: Floats) -> Floats | None:
    """Return slopes (2,) of the plane through dz (n,), weighted, at places (n, 2); None if none fits."""
    known = ~np.isnan(dz_nm) & ~np.isnan(at).any(axis=1)
    if known.sum() < _PLANE_BEADS:
        return None
    spread = np.linalg.svd(at[known] - at[known].mean(axis=0), compute_uv=False) / math.sqrt(known.sum())
    if spread[-1] < _OFF_LINE_NM:
        return None
    table = np.column_stack([at, dz_nm])[known]
    weights = shares[known, np.newaxis]
    off = np.sqrt(weights) * (table - mean_of_known(table, weights))
    slopes: Floats = np.linalg.lstsq(off[:, :2], off[:, 2], rcond=None)[0].astype(np.float64)
    return slopes
