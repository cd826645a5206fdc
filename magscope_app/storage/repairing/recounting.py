"""Counters and ledger of a recording whose recorder could not write them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage.reading.documents import is_loss
from magscope_app.storage.repairing.counting import (
    NOT_FOUND,
    NOT_KNOWN,
    NOT_NOTED,
    Circumstances,
    absent,
    in_ledger,
    in_order,
    losses,
    whole_numbers,
)
from magscope_app.storage.repairing.found import LONGEST_GAP, Found

_Mask = NDArray[np.bool_]


def recount(
    description: dict[str, Any], events: list[dict[str, Any]], found: Found, about: Circumstances
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return counters and ledger that follow from what was found.

    A frame between the first and the last one is booked once: as lost in the ring if the ledger says so, as
    lost in tracking if it has no tracks, and else as lost in recording if it has no image. Where a frame that
    was recorded need not have an image of its own, those count as recorded that the recorder has written down
    one by one or, without such a book, that it had counted: dataset.json of a running recording is at most
    2 s old. What came after the last frame that was found or counted is unknown.
    """
    sane = whole_numbers(description.get("counters", {}))
    old = [dict(entry) for entry in description.get("ledger", []) if isinstance(entry, dict)]
    kept = [entry for entry in old if entry.get("where") in ("camera", "ring") and is_loss(entry)]
    window = _window(description.get("start_frame_id"), found, sane)
    in_ring = in_ledger(window, kept, "ring")
    untracked = absent(window, found.tracks) & ~in_ring
    tracked = ~untracked & ~in_ring
    recorded, n_left_out = tracked, 0
    if about.foreign or found.video is not None:
        was_lost = in_ledger(window, old, "recording")
        come = ~in_ring & ~was_lost
        told = come & (np.cumsum(come) <= _n_told(sane, found)) & _is_sure(window, events, found)
        recorded = tracked & _dealt_with(window, was_lost, told, found, about)
        n_left_out = _left_out(window[recorded], found, sane.get("frames_left_out", 0))
    unrecorded = tracked & ~recorded
    acquired = int(len(window) - in_ring.sum())
    counters = {
        "frames_acquired": acquired,
        "frames_tracked": acquired - int(untracked.sum()),
        # Without tracks nothing is recorded of a frame whose image is left out.
        "frames_recorded": int(recorded.sum()) - (n_left_out if found.tracks is None else 0),
        "frames_left_out": n_left_out,
        "lost_upstream": sum(one["count"] for one in kept if one["where"] == "camera"),
        "lost_ring": int(in_ring.sum()),
        "lost_tracking": int(untracked.sum()),
        "lost_recording": int(unrecorded.sum()),
    }
    counters["frames_lost"] = sum(count for name, count in counters.items() if name.startswith("lost_"))
    if "duplicates" in sane:
        counters["duplicates"] = sane["duplicates"]
    ledger = [
        *kept,
        *losses(window[untracked], "tracking", NOT_FOUND),
        *losses(window[unrecorded], "recording", _why(found, about)),
    ]
    return counters, in_order(ledger)


def _why(found: Found, about: Circumstances) -> str:
    """Return why frames count as lost in recording."""
    if about.foreign and found.book:
        return NOT_NOTED
    is_known = not (about.foreign or about.has_processor) and not (found.video and found.video.n_unknown)
    return NOT_FOUND if is_known or found.book else NOT_KNOWN


def _n_told(counters: dict[str, int], found: Found) -> int:
    """Return how many frames the recorder had dealt with when it wrote dataset.json."""
    left_out = counters.get("frames_left_out", 0) if found.tracks is None else 0
    return counters.get("frames_recorded", 0) + left_out


def _window(start: object, found: Found, counters: dict[str, int]) -> NDArray[np.int64]:
    """Return the ids of all frames that were found or counted."""
    every = found.every
    begin = int(every[0]) if len(every) else 0
    stop = int(every[-1]) + 1 if len(every) else begin
    if type(start) is int and abs(start) < 2**62 and (not len(every) or start <= begin):
        begin, stop = start, max(stop, start)
        counted = start + max(counters.get("frames_acquired", 0), counters.get("frames_recorded", 0))
        stop = max(stop, counted) if counted - stop <= LONGEST_GAP else stop
    return np.arange(begin, stop)


def _is_sure(window: NDArray[np.int64], events: list[dict[str, Any]], found: Found) -> _Mask:
    """Return which frames stand at their place among those that the recorder has counted.

    Where one recorder took over from another, some may be missing; after the end of a video only tracks are
    counted, and that end is seen from the images alone.
    """
    sure = np.ones(len(window), bool)
    for event in events:
        if event.get("kind") == "recorder restarted" and is_loss(event):
            first, count = event["first_id"], event["count"]
            sure &= (window < first) | (window >= first + count)
    if any(event.get("kind") == "video ended" for event in events):
        ids = None if found.video is None else found.video.frame_ids
        sure &= window <= (int(ids[-1]) if ids is not None and len(ids) else -1)
    return sure


def _dealt_with(
    window: NDArray[np.int64], was_lost: _Mask, told: _Mask, found: Found, about: Circumstances
) -> _Mask:
    """Return which frames have their image, or need none."""
    if found.book:
        told = ~absent(window, found.book.every)
    if found.video is None:
        return told
    present = ~absent(window, found.video.frame_ids)
    if about.each_has_an_image and not found.video.n_unknown and not len(found.book.left_out):
        return present
    dealt = present | (told & absent(window, found.video.lost))
    if about.rois:
        dealt |= ~absent(window, found.without_beads)
    if about.has_processor and len(found.video.frame_ids) and not (found.video.n_unknown or found.book):
        # A processor leaves images out on purpose: of those in between, only what the ledger has is lost.
        passed = (window < found.video.frame_ids[-1]) & absent(window, found.video.lost)
        dealt |= passed & ~was_lost
    return dealt


def _left_out(recorded: NDArray[np.int64], found: Found, counted: int) -> int:
    """Return how many of the recorded frames have no image, because none was to be kept."""
    with_image = found.with_image
    if with_image is None:
        return min(counted, len(recorded))
    return int(absent(recorded, with_image).sum())
