"""Counters and ledger of a recording whose recorder could not write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage.reading.documents import is_loss

#: So many frames are not lost one after the other: that would be hours at 1000 frames/s.
_LONGEST_GAP = 2**24
_HIGHEST = 2**62


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of the frames that were found, ascending, without repeats; None where the mode keeps none."""

    tracks: NDArray[np.int64] | None
    video: NDArray[np.int64] | None

    @property
    def every(self) -> NDArray[np.int64]:
        """All ids, ascending."""
        present = [ids for ids in (self.tracks, self.video) if ids is not None]
        return np.unique(np.concatenate(present)) if present else np.empty(0, np.int64)

    def plausible(self, start: object) -> Found:
        """Return these without the ids of damaged files, which come after a gap that no recording has."""
        every = self.every
        first = np.array([start] if type(start) is int and abs(start) < _HIGHEST else [], np.int64)
        far = np.flatnonzero(np.diff(np.concatenate((first, every))) > _LONGEST_GAP)
        limit = every[far[0] + 1 - len(first)] if len(far) else _HIGHEST
        kept = [None if ids is None else ids[ids < limit] for ids in (self.tracks, self.video)]
        return Found(*kept)


def recount(description: dict[str, Any], found: Found) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return counters and ledger that follow from what was found.

    A frame between the first and the last one is booked once: as lost in the ring if the ledger says so, as
    lost in tracking if it has no tracks, and else as lost in recording if it has no image. What came after
    the last frame that was found is unknown.
    """
    every = found.every
    old = [dict(entry) for entry in description.get("ledger", []) if isinstance(entry, dict)]
    kept = [entry for entry in old if entry.get("where") in ("camera", "ring") and is_loss(entry)]
    start = description.get("start_frame_id")
    first = start if isinstance(start, int) and len(every) and start <= every[0] else None
    begin = first if first is not None else int(every[0]) if len(every) else 0
    window = np.arange(begin, int(every[-1]) + 1 if len(every) else begin)
    in_ring = _in_ledger(window, kept, "ring")
    untracked = _absent(window, found.tracks) & ~in_ring
    unrecorded = _absent(window, found.video) & ~untracked & ~in_ring
    left_out = np.zeros(len(window), bool)
    if description.get("counters", {}).get("frames_left_out") and found.video is not None:
        # A processor leaves images out on purpose: of those in between, only what the ledger has is lost.
        last = found.video[-1] if len(found.video) else begin
        left_out = unrecorded & (window < last) & ~_in_ledger(window, old, "recording")
        unrecorded &= ~left_out
    acquired = int(len(window) - in_ring.sum())
    counters = {
        "frames_acquired": acquired,
        "frames_tracked": acquired - int(untracked.sum()),
        "frames_recorded": acquired - int(untracked.sum()) - int(unrecorded.sum()),
        "frames_left_out": int(left_out.sum()),
        "lost_upstream": sum(one["count"] for one in kept if one["where"] == "camera"),
        "lost_ring": int(in_ring.sum()),
        "lost_tracking": int(untracked.sum()),
        "lost_recording": int(unrecorded.sum()),
    }
    counters["frames_lost"] = sum(count for name, count in counters.items() if name.startswith("lost_"))
    if isinstance(count := description.get("counters", {}).get("duplicates"), int):
        counters["duplicates"] = count
    ledger = [*kept, *_losses(window[untracked], "tracking"), *_losses(window[unrecorded], "recording")]
    return counters, sorted(ledger, key=lambda entry: int(entry["first_id"]))


def _in_ledger(window: NDArray[np.int64], ledger: list[dict[str, Any]], where: str) -> NDArray[np.bool_]:
    found = np.zeros(len(window), bool)
    for loss in ledger:
        if loss.get("where") == where and is_loss(loss):
            found |= (window >= loss["first_id"]) & (window < loss["first_id"] + loss["count"])
    return found


def _absent(window: NDArray[np.int64], ids: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    return np.zeros(len(window), bool) if ids is None else ~np.isin(window, ids)


def _losses(ids: NDArray[np.int64], where: str) -> list[dict[str, Any]]:
    runs = np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1) if len(ids) else []
    why = "not found when the dataset was repaired"
    return [{"first_id": int(run[0]), "count": len(run), "where": where, "why": why} for run in runs]
