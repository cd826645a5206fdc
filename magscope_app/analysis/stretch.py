"""The part of a trace that can be analysed: evenly sampled, without a gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
#: A frame comes late for good, or early, by more than so many intervals: in between the camera has lost
#: frames that have no number, has paused, or was given another rate.
_LATE = 0.4
#: Frames before and after that must agree on it: a time stamp that jitters is no gap.
_AROUND = 8
#: Steps over which the interval is measured, so that jitter of single time stamps does not count.
_LAG = 16


def longest_stretch(
    t_s: FloatArray, values: npt.NDArray[np.floating], frame_ids: npt.NDArray[np.integer]
) -> tuple[float, FloatArray]:
    """Return the longest part of a trace without a missing frame or value.

    The numbers of the frames tell which are neighbours, so that time stamps may jitter. Only where all frames
    from one on come late, or early, the times make a gap.

    Parameters
    ----------
    t_s : ndarray of float64, (n,)
        Ascending times in s.
    values : ndarray of float, (n,)
        Positions; NaN where the bead was lost.
    frame_ids : ndarray of int, (n,)
        Ascending numbers of the frames, one apart for neighbours.

    Returns
    -------
    tuple of float and ndarray of float64
        The sampling interval in s (mean over the part) and the values; NaN and nothing where there are fewer
        than two.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) < 2:
        return float("nan"), np.empty(0)
    broken = (np.diff(frame_ids) != 1) | _gaps(t_s, frame_ids)
    before = np.concatenate(([0], np.cumsum(broken)))[finite]
    parted = (np.diff(finite) > 1) | (np.diff(before) > 0)
    edges = np.concatenate(([0], np.flatnonzero(parted) + 1, [len(finite)]))
    longest = int(np.argmax(np.diff(edges)))
    kept = finite[edges[longest] : edges[longest + 1]]
    if len(kept) < 2:
        return float("nan"), np.empty(0)
    interval_s = float((t_s[kept[-1]] - t_s[kept[0]]) / (len(kept) - 1))
    return interval_s, np.asarray(values[kept], np.float64)


def _gaps(t_s: FloatArray, frame_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Return for each step (n − 1,) whether time goes on otherwise than the numbers of the frames say."""
    lag = min(_LAG, len(t_s) - 1)
    interval_s = float(np.median((t_s[lag:] - t_s[:-lag]) / (frame_ids[lag:] - frame_ids[:-lag])))
    late = (t_s - t_s[0]) - interval_s * (frame_ids - frame_ids[0])
    # Lowest and highest of the frames before each step and after it. Mirrored ends: few frames prove nothing.
    padded = np.pad(late, _AROUND - 1, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _AROUND)
    low, high = windows.min(axis=1), windows.max(axis=1)
    before, after = slice(0, len(late) - 1), slice(_AROUND, _AROUND + len(late) - 1)
    limit_s = _LATE * interval_s
    is_late, is_early = low[after] - high[before] > limit_s, high[after] - low[before] < -limit_s
    gaps: npt.NDArray[np.bool_] = is_late | is_early
    return gaps
