"""Telemetry, which motors send in their own rhythm, at the times of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from magscope_app.storage.reading.tracks_content import TELEMETRY_DTYPE, Records


def at_times(rows: Records, times_ns: ArrayLike) -> Records:
    """Return the state of a motor at any times.

    Parameters
    ----------
    rows : ndarray (n,) of `TELEMETRY_DTYPE`
        What it sent.
    times_ns : ndarray (m,) or list
        Times since session start.

    Returns
    -------
    ndarray (m,) of `TELEMETRY_DTYPE`
        The position is interpolated linearly; target, moving and at_target are those sent last. Before the
        first and after the last row everything but the time is NaN.
    """
    t_ns = np.asarray(times_ns)
    if t_ns.ndim != 1 or t_ns.dtype.kind not in "iuf":
        raise TypeError("times are a list or an array (n,) of numbers in ns since session start")
    found = np.full(len(t_ns), np.nan, TELEMETRY_DTYPE)
    found["t_ns"] = t_ns
    if not len(rows):
        return found
    times = rows["t_ns"]
    inside = (t_ns >= times[0]) & (t_ns <= times[-1])
    found["position"][inside] = np.interp(t_ns[inside], times, rows["position"])
    last = np.searchsorted(times, t_ns[inside], side="right") - 1
    for name in ("target", "moving", "at_target"):
        found[name][inside] = rows[name][last]
    return found
