"""Telemetry, which motors send in their own rhythm, at the times of frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from magscope_app.storage.reading.tracks_content import TELEMETRY_DTYPE, Records

#: A motor sends at a steady rate. After so many of its usual pauses, and so long, it was away.
_USUAL_PAUSES, _SILENCE_NS = 10.0, 1e9


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
        The position is interpolated linearly; target, moving and at_target are those sent last. Everything
        but the time is NaN before the first row, after the last one, and where the motor was silent: for more
        than ten times as long as usual, and more than a second.
    """
    t_ns = np.asarray(times_ns)
    if t_ns.ndim != 1 or t_ns.dtype.kind not in "iuf":
        raise TypeError("times are a list or an array (n,) of numbers in ns since session start")
    found = np.full(len(t_ns), np.nan, TELEMETRY_DTYPE)
    found["t_ns"] = t_ns
    if not len(rows):
        return found
    times = rows["t_ns"]
    last = np.searchsorted(times, t_ns, side="right") - 1
    inside = (last >= 0) & (t_ns <= times[-1])
    inside[inside] = ~_in_silence(times, t_ns[inside], last[inside])
    last = last[inside]
    found["position"][inside] = np.interp(t_ns[inside], times, rows["position"])
    for name in ("target", "moving", "at_target"):
        found[name][inside] = rows[name][last]
    return found


def _in_silence(
    times_ns: npt.NDArray[np.float64], asked_ns: npt.NDArray[np.float64], last: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    """Return which times, each after row `last` or at it, lie where nothing was sent for long."""
    pauses = np.diff(times_ns)
    if not len(pauses):
        return np.zeros(len(asked_ns), np.bool_)
    longest_ns = max(_SILENCE_NS, _USUAL_PAUSES * float(np.median(pauses)))
    # After the last row there is no pause.
    pauses = np.append(pauses, 0.0)
    return np.asarray((pauses[last] > longest_ns) & (asked_ns > times_ns[last]))
