"""What a lock has done lately, as lines over time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Column of the time in the rows of every lock.
_TIME = 1
#: Rows that are farther apart than this (s), and than so many times what is usual, have nothing between
#: them: the lock was off.
_APART_S, _APART_PAUSES = 1.0, 2.5


def lock_trace(rows: Floats, columns: tuple[int, ...], now_ns: int, seconds: float) -> tuple[Floats, Floats]:
    """Return times (n,) in s before now and lines (n_lines, n) of the last seconds, with NaN across gaps.

    Parameters
    ----------
    rows : ndarray (m, k)
        As the lock wrote them.
    columns : tuple of int
        Which of them are drawn.
    now_ns : int
        Session time.
    seconds : float
        How far back.
    """
    before_s = (rows[:, _TIME] - now_ns) * 1e-9
    late = before_s >= -seconds
    before_s, lines = before_s[late], rows[late][:, list(columns)].T
    pauses_s = np.diff(before_s)
    if not len(pauses_s):
        return before_s, lines
    gaps = np.flatnonzero(pauses_s > max(_APART_S, _APART_PAUSES * float(np.median(pauses_s)))) + 1
    return np.insert(before_s, gaps, before_s[gaps]), np.insert(lines, gaps, np.nan, axis=1)


def nice_limits(lines: Floats, smallest: float) -> tuple[float, float]:
    """Return limits of an axis that hold all of the lines, at least `smallest` apart, with some air."""
    known = lines[np.isfinite(lines)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    middle, half = (low + high) / 2, max(0.55 * (high - low), smallest / 2)
    return middle - half, middle + half


def parse_ids(text: str) -> tuple[int, ...] | None:
    """Return the bead ids in a text such as "1, 4 7"; None where something is no id."""
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() for word in words):
        return None
    return tuple(sorted({int(word) for word in words}))


def bead_names(bead_ids: tuple[int, ...]) -> str:
    """Return "bead 3" or "beads 3, 7"."""
    return f"{'bead' if len(bead_ids) == 1 else 'beads'} {', '.join(map(str, bead_ids))}"
