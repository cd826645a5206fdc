"""Traces relative to reference beads."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gui.models.frame_ring import Trace
from magscope_app.messages import Bead


def reference_ids(beads: Iterable[Bead], shown: int | None) -> tuple[int, ...]:
    """Return the reference beads that a bead is compared with: all of them but itself."""
    return tuple(bead.id for bead in beads if bead.role == "reference" and bead.id != shown)


def relative(trace: Trace, references: Iterable[Trace]) -> Trace:
    """Return a trace minus the mean movement of reference beads.

    Each reference counts from its own median, so that one that is lost for a while makes no step.

    Parameters
    ----------
    trace : Trace
        Of the bead.
    references : iterable of Trace
        At the same moments; without any the trace is returned as it is.
    """
    others = [other for other in references if len(other.t_s) == len(trace.t_s) and len(other.t_s)]
    if not others:
        return trace
    moved = []
    for axis in ("x_nm", "y_nm", "z_nm"):
        tracks = np.array([getattr(other, axis) for other in others])
        seen = np.isfinite(tracks).any(axis=1)
        if not seen.any():
            moved.append(np.full(len(trace.t_s), np.nan, np.float32))
            continue
        tracks = tracks[seen] - np.nanmedian(tracks[seen], axis=1, keepdims=True)
        counts = np.isfinite(tracks).sum(axis=0)
        drift = np.nansum(tracks, axis=0) / np.where(counts, counts, np.nan)
        moved.append((getattr(trace, axis) - drift).astype(np.float32))
    x_nm, y_nm, z_nm = moved
    return Trace(trace.t_s, x_nm, y_nm, z_nm, trace.frame_ids)
