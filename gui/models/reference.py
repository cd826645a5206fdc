"""Traces relative to reference beads."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gui.models.frame_ring import FloatArray, Trace
from magscope_app.messages import Bead

#: Moments from which is learned where a reference is among the others; shorter gaps are bridged.
_LEARNED = 100


def reference_ids(beads: Iterable[Bead], shown: int | None) -> tuple[int, ...]:
    """Return the reference beads that a bead is compared with: all of them but itself."""
    return tuple(bead.id for bead in beads if bead.role == "reference" and bead.id != shown)


def why_not_relative(beads: Iterable[Bead], bead_ids: Iterable[int]) -> str:
    """Say of which of these beads no reference can be subtracted, and why; nothing where it can be of all."""
    references = reference_ids(beads, None)
    if not references:
        return "there is no reference: nothing is subtracted"
    alone = [bead_id for bead_id in bead_ids if references == (bead_id,)]
    return f"bead {alone[0]} is the only reference: nothing is subtracted from it" if alone else ""


def relative(trace: Trace, references: Iterable[Trace]) -> Trace:
    """Return a trace minus the mean movement of reference beads, which counts from its median.

    Nothing jumps when references come and go. One that comes, or comes back after more than 100 moments, is
    taken to have moved as the others have in the same moments; where one leaves, the others go on from where
    the mean was.

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
    x_nm, y_nm, z_nm = (
        (getattr(trace, axis) - _drift(np.array([getattr(other, axis) for other in others], float))).astype(
            np.float32
        )
        for axis in ("x_nm", "y_nm", "z_nm")
    )
    return Trace(trace.t_s, x_nm, y_nm, z_nm, trace.frame_ids, trace.flags)


def _drift(tracks: FloatArray) -> FloatArray:
    """Return what tracks (n_references, n_moments) have in common; NaN where none is known."""
    seen = np.isfinite(tracks).any(axis=0)
    drift = np.full(tracks.shape[1], np.nan)
    if not seen.any():
        return drift
    tracks = np.array([_bridged(track) for track in tracks])
    there = np.isfinite(tracks)
    changes = np.flatnonzero((there[:, 1:] != there[:, :-1]).any(axis=0)) + 1
    #: Where each reference was when the drift was 0; NaN where that must be learned.
    origins, level = np.full(len(tracks), np.nan), 0.0
    for begin, end in pairwise((0, *changes.tolist(), tracks.shape[1])):
        now = there[:, begin]
        # Where none is seen, each is still worth what it was.
        if now.any():
            origins[~now] = np.nan
            _learn(origins, tracks[:, begin : min(end, begin + _LEARNED)], now, level)
            drift[begin:end] = (tracks[now, begin:end] - origins[now, None]).mean(axis=0)
            last = slice(max(begin, end - _LEARNED), end)
            origins[now] = (tracks[now, last] - drift[last]).mean(axis=1)
            level = float(drift[last].mean())
    drift[~seen] = np.nan
    drift -= np.nanmedian(drift)
    return drift


def _learn(origins: FloatArray, first: FloatArray, now: npt.NDArray[np.bool_], level: float) -> None:
    """Find where the references that are new were when the drift was 0, from their first moments."""
    new = now & np.isnan(origins)
    if new.any():
        others = now & ~new
        drift = (first[others] - origins[others, None]).mean(axis=0) if others.any() else level
        origins[new] = (first[new] - drift).mean(axis=1)


def _bridged(track: FloatArray) -> FloatArray:
    """Return a track (n_moments,) with straight lines across its short gaps."""
    known = np.flatnonzero(np.isfinite(track))
    if len(known) in (0, len(track)):
        return track
    moments = np.arange(len(track))
    bridged = np.interp(moments, known, track[known], left=np.nan, right=np.nan)
    for gap in np.flatnonzero(np.diff(known) > _LEARNED + 1):
        bridged[known[gap] + 1 : known[gap + 1]] = np.nan
    return bridged
