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
from magscope_app.processes.handles import DRIFT, TRACKS, TRUTH, telemetry_name
from magscope_app.processes.id_ranges import SeenIds
from magscope_app.storage import Dataset, DatasetFolder, open_dataset
from magscope_app.storage.video_book import read_book

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
    last_rows : dict of str to float
        The last frame id, of telemetry the last t_ns, that is stored of each buffer of rows, where any are.
    left_out : int
        Frames whose image was left out, for want of beads or by a processor.
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
    last_rows: dict[str, float]
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
        How many were left out, for want of beads or by a processor.
    """

    tracked: NDArray[np.int64]
    images: NDArray[np.int64]
    left_out: int


def read_stored(dataset: Dataset, start_id: int, *, has_processor: bool) -> Stored:
    """Read which frames from `start_id` on a dataset has; see `read_earlier`.

    What a storage of the user's own, or a processor, has made of a frame no index of ours can say: there
    counts what the recorder itself has written down.
    """
    indexed = dataset.foreign_storage is None and not has_processor
    booked, left_out = read_book(dataset.path)
    stored = np.asarray(dataset.video_frame_ids if indexed else [], np.int64)
    images = np.unique(np.concatenate((stored, booked, left_out)))
    tracked = dataset.frames()["frame_id"].astype(np.int64)
    return Stored(tracked, images[images >= start_id], len(left_out))


def read_earlier(path: Path, *, has_processor: bool) -> Earlier:
    """Read what the recorder before has stored, and mark the dataset as running again.

    Parameters
    ----------
    path : Path
        The dataset.
    has_processor : bool
        Images were changed before they were stored, perhaps under other coordinates.

    Raises
    ------
    MagscopeError
        It is no dataset, or cannot be read.
    """
    folder = DatasetFolder.open(path)
    dataset = open_dataset(folder.path)
    start_id = dataset.description.get("start_frame_id")
    if not isinstance(start_id, int):
        raise MagscopeError(f"{path} says not where its recording began: start another recording")
    stored = read_stored(dataset, start_id, has_processor=has_processor)
    tracked, images = stored.tracked, stored.images
    folder.update(exit_status="running", stopped=None)
    rows, video = SeenIds(start_id), SeenIds(start_id)
    rows.add(tracked)
    video.add(images)
    events = dataset.events
    next_rows = int(tracked[-1]) + 1 if len(tracked) else start_id
    return Earlier(
        folder=folder,
        start_id=start_id,
        rows=rows,
        video=video,
        next_rows=next_rows,
        next_image=int(images[-1]) + 1 if len(images) else start_id,
        last_rows={TRACKS: next_rows - 1} | _last_rows(dataset),
        left_out=stored.left_out,
        duplicates=dataset.counters.get("duplicates", 0),
        events=tuple(events[-_LAST_EVENTS:]),
        seams=_seams(events),
    )


def _last_rows(dataset: Dataset) -> dict[str, float]:
    """Return where the tables beside the tracks end."""
    columns = {telemetry_name(device): dataset.telemetry(device)["t_ns"] for device in dataset.devices}
    columns[DRIFT] = dataset.drift()["frame_id"]
    if (truth := dataset.truth()) is not None:
        columns[TRUTH] = truth["frame_id"]
    return {name: float(column[-1]) for name, column in columns.items() if len(column)}


def _seams(events: Sequence[dict[str, Any]]) -> tuple[Gap, ...]:
    return tuple(
        Gap(event["first_id"], event["count"], "recording", _WHY)
        for event in events
        if event["kind"] == EVENT
    )
