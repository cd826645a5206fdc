"""What a recording of video alone says about frames and beads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.storage.reading.images import Images

if TYPE_CHECKING:
    from magscope_app.storage.reading.dataset import Dataset


def listed_beads(dataset: Dataset) -> dict[int, dict[str, Any]]:
    """Return the beads of the lists in dataset.json and in the events, by id, as they were listed last."""
    now = dataset.description.get("beads")
    lists = [*(event.get("beads") for event in dataset.events), now]
    entries = [bead for beads in lists if isinstance(beads, list) for bead in beads]
    known = [bead for bead in entries if isinstance(bead, dict) and isinstance(bead.get("id"), int)]
    return {bead["id"]: bead for bead in known}


def video_times(images: Images) -> NDArray[np.float64]:
    """Return t_ns of every frame that has an image (n,), in order; NaN where its metadata have none.

    Every image's metadata are read: about 10 µs per image.
    """
    ids = images.values("time")
    t_ns = np.full(len(ids), np.nan)
    for at, about in enumerate(images.metadata()):
        if _is_whole(time := about.get("t_ns")):
            t_ns[at] = time
        # A processor may have given the image other coordinates.
        if ids[at] < 0 and _is_whole(frame_id := about.get("frame_id")):
            ids[at] = frame_id
    # Of several images of a frame, one that says when it was counts.
    order = np.lexsort((np.isnan(t_ns), ids))
    ids, t_ns = ids[order], t_ns[order]
    first = np.concatenate(([True], ids[1:] != ids[:-1])) if len(ids) else np.empty(0, np.bool_)
    return t_ns[first & (ids >= 0)]


def _is_whole(value: object) -> bool:
    return type(value) is int and abs(value) < 2**63


def video_duration_s(dataset: Dataset) -> float | None:
    """Return the time from the first to the last frame that has an image; None where that is not known."""
    if dataset.foreign_storage is not None:
        return None
    ids = dataset.video_frame_ids
    if not len(ids):
        return None
    if ids.min() < 0:
        known_ns = dataset.frame_times()
        known_ns = known_ns[~np.isnan(known_ns)]
        return float(np.ptp(known_ns)) / 1e9 if len(known_ns) else None
    wanted = {int(ids.argmin()), int(ids.argmax())}
    found = [coordinates for at, coordinates in enumerate(dataset.coordinates()) if at in wanted]
    times = [dataset.get_metadata(coordinates).get("t_ns") for coordinates in found]
    known = [t_ns for t_ns in times if isinstance(t_ns, int)]
    return (max(known) - min(known)) / 1e9 if len(known) == len(wanted) else None
