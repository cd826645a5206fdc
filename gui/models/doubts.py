"""What is to be said against the heights that are shown."""

from __future__ import annotations

import numpy as np

from gui.models.frame_ring import Trace
from magscope_app.tracking.flags import TrackFlag, worst_reason

#: With these a height is given that may be wrong by more than its noise.
_DOUBTFUL = (TrackFlag.SATURATED, TrackFlag.OVERLAPPED, TrackFlag.FALL_BACK)
#: Less than this share is not told.
_TOLD = 0.01


def doubts_about_z(trace: Trace) -> str:
    """Return in which share of the heights of a trace something makes z biased; empty where there is none.

    The commonest reason is told, such as "saturated in 34 %".
    """
    flags = trace.flags[np.isfinite(trace.z_nm)]
    if not len(flags):
        return ""
    shares = {flag: np.count_nonzero(flags & flag) / len(flags) for flag in _DOUBTFUL}
    worst = max(shares, key=lambda flag: shares[flag])
    return f"{worst_reason(worst)} in {100 * shares[worst]:.0f} %" if shares[worst] >= _TOLD else ""
