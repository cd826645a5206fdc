"""Telemetry, which motors send in their own rhythm, at the times of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage.reading.tracks_content import TELEMETRY_DTYPE, Records


def at_times(rows: Records, t_ns: NDArray[np.int64]) -> Records:
    """Return the state of a motor at any times.

    Parameters
    ----------
    rows : ndarray (n,) of `TELEMETRY_DTYPE`
        What it sent.
    t_ns : ndarray (m,)
        Times since session start.

    Returns
    -------
    ndarray (m,) of `TELEMETRY_DTYPE`
        The position is interpolated linearly; target, moving and at_target are those sent last. Before the
        first and after the last row everything but the time is NaN.
    """
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
