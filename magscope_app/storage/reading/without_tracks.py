"""What a recording of video alone says about frames and beads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from magscope_app.storage.reading.dataset import Dataset


def listed_beads(dataset: Dataset) -> dict[int, dict[str, Any]]:
    """Return the beads of the lists in dataset.json and in the events, by id, as they were listed last."""
    now = dataset.description.get("beads")
    lists = [*(event.get("beads") for event in dataset.events), now]
    entries = [bead for beads in lists if isinstance(beads, list) for bead in beads]
    known = [bead for bead in entries if isinstance(bead, dict) and isinstance(bead.get("id"), int)]
    return {bead["id"]: bead for bead in known}


def video_times(dataset: Dataset) -> NDArray[np.int64]:
    """Return t_ns of every frame that has an image (n,), in order; every image's metadata are read."""
    times: dict[int, int] = {}
    for coordinates in dataset.coordinates():
        frame_id = coordinates.get("time")
        if isinstance(frame_id, int) and frame_id not in times:
            t_ns = dataset.get_metadata(coordinates).get("t_ns")
            if isinstance(t_ns, int):
                times[frame_id] = t_ns
    return np.array([times[frame_id] for frame_id in sorted(times)], np.int64)


def video_duration_s(dataset: Dataset) -> float | None:
    """Return the time from the first to the last frame that has an image; None where that is not known."""
    if dataset.foreign_storage is not None:
        return None
    ids = dataset.video_frame_ids
    if not len(ids) or ids.min() < 0:
        return None
    wanted = {int(ids.argmin()), int(ids.argmax())}
    found = [coordinates for at, coordinates in enumerate(dataset.coordinates()) if at in wanted]
    times = [dataset.get_metadata(coordinates).get("t_ns") for coordinates in found]
    known = [t_ns for t_ns in times if isinstance(t_ns, int)]
    return (max(known) - min(known)) / 1e9 if len(known) == len(wanted) else None
