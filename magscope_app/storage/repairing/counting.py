"""Counters and ledger of a recording, so that they are true of what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage.reading.documents import is_loss
from magscope_app.storage.repairing.found import LONGEST_GAP, Found

#: Why frames are lost that a repair books.
NOT_FOUND = "not found when the dataset was repaired"
NOT_KNOWN = "whether there is an image of it was not known when the dataset was repaired"
NOT_NOTED = "the recorder had not noted that its image was stored"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides which frames have an image.

    Attributes
    ----------
    foreign : bool
        Images are in a storage of the user's own, and nobody can count them here.
    has_processor : bool
        A processor may leave images out, or give them other coordinates.
    rois : bool
        A frame without beads has no image.
    gone : bool
        The mode keeps images, and there is no folder of them.
    """

    foreign: bool
    has_processor: bool
    rois: bool
    gone: bool

    @classmethod
    def of(cls, description: dict[str, Any], *, foreign: bool, n_parts: int) -> Circumstances:
        """Return what dataset.json says."""
        mode = str(description.get("mode", ""))
        config = description.get("config")
        recording = config.get("recording") if isinstance(config, dict) else None
        named = isinstance(recording, dict) and recording.get("process_fn") is not None
        counters = description.get("counters", {})
        left_out = bool(counters.get("frames_left_out") or counters.get("duplicates"))
        return cls(foreign, named or left_out, "ROIs" in mode, "Video" in mode and not n_parts)

    @property
    def each_has_an_image(self) -> bool:
        """Whether a frame without an image is a frame that was lost."""
        return self.gone or not (self.foreign or self.has_processor or self.rois)


def whole_numbers(counters: dict[str, Any]) -> dict[str, int]:
    """Return the counters that can be right."""
    return {name: count for name, count in counters.items() if type(count) is int and 0 <= count < 2**62}


def lessen(
    description: dict[str, Any], found: Found, about: Circumstances
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return counters and ledger of a recording that was ended in order, less what cannot be found any more.

    They were right when it ended. A frame that they have is lost if its tracks are not there, or its image:
    where not every frame has one, only an image is lost that is in the index and cannot be read.
    """
    counters, ledger = dict(description["counters"]), [dict(entry) for entry in description["ledger"]]
    sane, start = whole_numbers(counters), description.get("start_frame_id")
    last = int(found.every[-1]) if len(found.every) else start
    stop = (start if type(start) is int else 0) + sane.get("frames_acquired", 0) + sane.get("lost_ring", 0)
    if type(start) is not int or abs(start) > 2**62 or last is None or stop - last > LONGEST_GAP:
        return counters, ledger
    window = np.arange(start, stop)
    present = ~np.logical_or.reduce(
        [in_ledger(window, ledger, where) for where in ("ring", "tracking", "recording")]
    )
    untracked = present & absent(window, found.tracks)
    unrecorded = np.zeros(len(window), bool)
    left_out = sane.get("frames_left_out", 0)
    if found.video is not None:
        n_images = sane.get("frames_recorded", 0) - (left_out if found.tracks is not None else 0)
        if about.each_has_an_image and not found.video.n_unknown:
            if len(found.video.frame_ids) < n_images:
                unrecorded = present & absent(window, found.video.frame_ids)
        else:
            unrecorded = present & ~absent(window, found.video.lost) & absent(window, found.video.frame_ids)
    unrecorded &= ~untracked & absent(window, found.book.left_out)
    n_gone = int(untracked.sum() + unrecorded.sum())
    changes = {
        "frames_tracked": -int(untracked.sum()),
        "frames_recorded": -n_gone,
        "frames_lost": n_gone,
        "lost_tracking": int(untracked.sum()),
        "lost_recording": int(unrecorded.sum()),
    }
    for name, change in changes.items():
        if change:
            counters[name] = max(0, sane.get(name, 0) + change)
    if n_gone and left_out:
        counters["frames_left_out"] = max(0, min(left_out, _room_for_left_out(counters, found)))
    new = [
        *losses(window[untracked], "tracking", NOT_FOUND),
        *losses(window[unrecorded], "recording", NOT_FOUND),
    ]
    return counters, in_order([*ledger, *new]) if new else ledger


def _room_for_left_out(counters: dict[str, Any], found: Found) -> int:
    """Return how many frames may have been left out: without tracks they are none of those recorded."""
    recorded = int(counters.get("frames_recorded", 0))
    if found.tracks is not None:
        return recorded
    return int(counters.get("frames_tracked", 0)) - recorded - int(counters.get("lost_recording", 0))


def in_ledger(window: NDArray[np.int64], ledger: list[dict[str, Any]], where: str) -> NDArray[np.bool_]:
    """Return which frames (n,) of a window were lost there."""
    found = np.zeros(len(window), bool)
    for loss in ledger:
        if loss.get("where") == where and is_loss(loss):
            found |= (window >= loss["first_id"]) & (window < loss["first_id"] + loss["count"])
    return found


def absent(window: NDArray[np.int64], ids: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Return which frames (n,) of a window are not among `ids`; none where there are no ids to be had."""
    return np.zeros(len(window), bool) if ids is None else ~np.isin(window, ids)


def losses(ids: NDArray[np.int64], where: str, why: str) -> list[dict[str, Any]]:
    """Return entries of the ledger for ascending ids."""
    runs = np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1) if len(ids) else []
    return [{"first_id": int(run[0]), "count": len(run), "where": where, "why": why} for run in runs]


def in_order(ledger: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of a ledger by their first ids; what is no loss comes first."""
    return sorted(ledger, key=lambda entry: int(entry["first_id"]) if is_loss(entry) else -(2**62))
