"""What a dataset holds already when its recorder is started again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes import Gap
from magscope_app.errors import MagscopeError
from magscope_app.processes.id_ranges import SeenIds, first_ids, subtract
from magscope_app.storage import Dataset, DatasetFolder, open_dataset

EVENT = "recorder restarted"
_WHY = "the recorder ended and was started again"
#: What may be told again is among so many events: a link holds no more messages.
_LAST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was recorded before.

    Attributes
    ----------
    folder : DatasetFolder
        The dataset.
    start_id : int
        First frame of the recording.
    rows, video : SeenIds
        Frames in the tracks files and in the video.
    next_rows, next_image : int
        The ids after the last ones of each.
    left_out : int
        Frames whose image a processor left out on purpose.
    duplicates : int
        Results of a processor that another replaced.
    events : tuple of dict
        The last events that were kept.
    seams : tuple of Gap
        Where recorders took over before.
    """

    folder: DatasetFolder
    start_id: int
    rows: SeenIds
    video: SeenIds
    next_rows: int
    next_image: int
    left_out: int
    duplicates: int
    events: tuple[dict[str, Any], ...]
    seams: tuple[Gap, ...]

    def seam(self, mode: str, next_frame_id: int) -> Gap:
        """Return the frames before `next_frame_id` of which not everything may have been stored."""
        ends = [
            *([self.next_rows] if "Track" in mode else []),
            *([self.next_image] if "Video" in mode else []),
        ]
        first = min(ends, default=next_frame_id)
        return Gap(first, max(0, next_frame_id - first), "recording", _WHY)


@dataclass(frozen=True, slots=True)
class Stored:
    """Which frames a dataset has.

    Attributes
    ----------
    tracked, images : ndarray of int64
        Ids in the tracks files, and of frames whose image was dealt with: stored, or left out on purpose.
    left_out : int
        How many were left out by a processor.
    """

    tracked: NDArray[np.int64]
    images: NDArray[np.int64]
    left_out: int


def read_stored(
    dataset: Dataset, start_id: int, acknowledged: int, gaps: Sequence[Gap], *, has_processor: bool
) -> Stored:
    """Read which frames from `start_id` on a dataset has; see `read_earlier`."""
    images = _image_ids(dataset, start_id, acknowledged, gaps)
    left_out = 0
    if has_processor and len(images):
        whole = np.arange(start_id, images[-1] + 1)
        left_out, images = len(whole) - len(images), whole
    return Stored(dataset.frames()["frame_id"].astype(np.int64), images, left_out)


def read_earlier(path: Path, acknowledged: int, gaps: Sequence[Gap], *, has_processor: bool) -> Earlier:
    """Read what the recorder before has stored, and mark the dataset as running again.

    Parameters
    ----------
    path : Path
        The dataset.
    acknowledged : int
        Frames that were counted as recorded, as far as this is known.
    gaps : sequence of Gap
        The ledger of the ring.
    has_processor : bool
        Images without a place in the video were left out on purpose, up to the last one there.

    Raises
    ------
    MagscopeError
        It is no dataset, or cannot be read.
    """
    folder, dataset = DatasetFolder.open(path), open_dataset(path)
    start_id = dataset.description.get("start_frame_id")
    if not isinstance(start_id, int):
        raise MagscopeError(f"{path} says not where its recording began: start another recording")
    stored = read_stored(dataset, start_id, acknowledged, gaps, has_processor=has_processor)
    tracked, images = stored.tracked, stored.images
    folder.update(exit_status="running", stopped=None)
    rows, video = SeenIds(start_id), SeenIds(start_id)
    rows.add(tracked)
    video.add(images)
    events = dataset.events
    return Earlier(
        folder=folder,
        start_id=start_id,
        rows=rows,
        video=video,
        next_rows=int(tracked[-1]) + 1 if len(tracked) else start_id,
        next_image=int(images[-1]) + 1 if len(images) else start_id,
        left_out=stored.left_out,
        duplicates=dataset.counters.get("duplicates", 0),
        events=tuple(events[-_LAST_EVENTS:]),
        seams=_seams(events),
    )


def _seams(events: Sequence[dict[str, Any]]) -> tuple[Gap, ...]:
    return tuple(
        Gap(event["first_id"], event["count"], "recording", _WHY)
        for event in events
        if event["kind"] == EVENT
    )


def _image_ids(dataset: Dataset, start_id: int, acknowledged: int, gaps: Sequence[Gap]) -> NDArray[np.int64]:
    """Return the frames whose images were dealt with, ascending.

    Images of a storage of the user's own are its own business, and a mosaic of no beads is not stored: for
    these is known only that what was acknowledged was dealt with.
    """
    mode = str(dataset.description.get("mode", ""))
    foreign = dataset.foreign_storage is not None
    ids = np.unique([] if foreign else dataset.video_frame_ids).astype(np.int64)
    ids = ids[ids >= start_id]
    if "Video" not in mode or not (foreign or "ROIs" in mode):
        return ids
    count = max(acknowledged, dataset.counters.get("frames_recorded", 0))
    return np.union1d(ids, _acknowledged_ids(dataset, start_id, count, gaps))


def _acknowledged_ids(dataset: Dataset, start_id: int, count: int, gaps: Sequence[Gap]) -> NDArray[np.int64]:
    """Return the frames that were acknowledged for sure: those of a seam, or after the video, may not be."""
    events = dataset.events
    lost = [(gap.first_id, gap.first_id + gap.count) for gap in gaps if gap.where == "ring"]
    most = start_id + count + sum(stop - first for first, stop in lost)
    come = first_ids(subtract([(start_id, most)], lost), count)
    unsure = [(gap.first_id, gap.first_id + gap.count) for gap in _seams(events)]
    unsure += [(event["frame_id"], most) for event in events if event["kind"] == "video ended"]
    return np.array(
        [number for first, stop in subtract(come, unsure) for number in range(first, stop)], np.int64
    )
