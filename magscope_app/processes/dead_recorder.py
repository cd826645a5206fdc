"""The dataset of a recording process that died: completed as far as the supervisor knows it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from magscope_app.datatypes import Gap, VideoBuffer
from magscope_app.errors import MagscopeError
from magscope_app.messages import Counters, Message, RecordingFinished
from magscope_app.processes.id_ranges import Range, clip, first_ids, ranges_of, subtract, total
from magscope_app.processes.keeper import Keeper
from magscope_app.processes.resumption import read_stored
from magscope_app.storage import Dataset, DatasetFolder, open_dataset
from magscope_app.storage.reading.documents import read_events

_log = logging.getLogger(__name__)


def close_for_dead_recorder(
    path: Path,
    why: str,
    video: VideoBuffer,
    acknowledged: int,
    session_start_ns: int,
    told: Sequence[Message] = (),
) -> RecordingFinished:
    """Write into dataset.json that a recording failed, and what it holds; its new name, if any, is given.

    One that had come to its end, and whose recorder could not say so any more, stays as it ended.

    Parameters
    ----------
    path : Path
        The dataset.
    why : str
        How the process ended.
    video : VideoBuffer
        The ring, which knows the other losses.
    acknowledged : int
        Frames that were counted as recorded: what is counted where the files cannot be read.
    session_start_ns : int
        The session clock.
    told : sequence of Message
        What the process was told and may not have kept: this is done here.

    Returns
    -------
    RecordingFinished
        What the recording process would have said.
    """
    said = f"{why}; what was recorded is safe, to complete its files: magscope-app repair"
    counters = Counters(frames_recorded=acknowledged)
    try:
        folder = DatasetFolder.open(path)
        _keep(folder, session_start_ns, told)
        path = folder.take_name()
        if folder.description["exit_status"] != "running":
            return _as_it_ended(folder)
        error = f"{said} {path}"
        window = int(folder.description["start_frame_id"]), video.counters().next_frame_id
        gaps = video.ledger()
        recorded, left_out = _recorded(path, window, gaps, acknowledged)
        counters, ledger = account_for_dead(window, gaps, recorded, why)
        if "Track" not in str(folder.description.get("mode", "")):
            counters = replace(counters, frames_recorded=counters.frames_recorded - left_out)
        counters = replace(counters, frames_left_out=left_out)
        counts = asdict(counters) | {"frames_lost": counters.frames_lost}
        folder.finish("failed", counts, [asdict(gap) for gap in ledger], errors=[error])
    except (MagscopeError, KeyError) as problem:
        error = f"{said} {path} ({problem})"
    return RecordingFinished(path, "failed", counters, error)


def _as_it_ended(folder: DatasetFolder) -> RecordingFinished:
    about = folder.description
    names = {one.name for one in fields(Counters)}
    counters = Counters(**{name: count for name, count in about["counters"].items() if name in names})
    return RecordingFinished(folder.path, about["exit_status"], counters, "; ".join(about.get("errors", ())))


def _keep(folder: DatasetFolder, session_start_ns: int, told: Sequence[Message]) -> None:
    keeper = Keeper(folder, session_start_ns, read_events(folder.path)[0])
    for message in told:
        try:
            keeper.keep(message)
        except MagscopeError as error:
            _log.warning(str(error))


def _recorded(path: Path, window: Range, gaps: Sequence[Gap], acknowledged: int) -> tuple[list[Range], int]:
    """Return which frames are dealt with in all files, and of how many the image was left out.

    Where the files cannot be read, these are the frames that were acknowledged.
    """
    try:
        return _in_files(open_dataset(path), window[0])
    except MagscopeError as error:
        _log.warning(str(error))
    lost = [(gap.first_id, gap.first_id + gap.count) for gap in gaps if gap.where in ("ring", "tracking")]
    return first_ids(subtract([window], lost), acknowledged), 0


def _in_files(dataset: Dataset, start_id: int) -> tuple[list[Range], int]:
    mode = str(dataset.description.get("mode", ""))
    has_processor = dataset.config.get("recording", {}).get("process_fn") is not None
    stored = read_stored(dataset, start_id, has_processor=has_processor)
    tracked, images = ranges_of(stored.tracked), ranges_of(stored.images)
    if "Video" not in mode:
        return tracked, 0
    both = images if "Track" not in mode else subtract(tracked, subtract(tracked, images))
    return both, stored.left_out


def account_for_dead(
    window: Range, gaps: Sequence[Gap], recorded: Sequence[Range], why: str
) -> tuple[Counters, list[Gap]]:
    """Count the frames of a recording that died: all but the recorded ones are lost."""
    upstream = [gap for gap in gaps if gap.where == "camera" and window[0] < gap.first_id <= window[1]]
    lost = {
        where: clip([(gap.first_id, gap.first_id + gap.count) for gap in gaps if gap.where == where], window)
        for where in ("ring", "tracking")
    }
    present = subtract([window], [*lost["ring"], *lost["tracking"]])
    lost["recording"] = subtract(present, recorded)
    tracked = total(present)
    counters = Counters(
        frames_acquired=tracked + total(lost["tracking"]),
        frames_tracked=tracked,
        frames_recorded=tracked - total(lost["recording"]),
        lost_upstream=sum(gap.count for gap in upstream),
        lost_ring=total(lost["ring"]),
        lost_tracking=total(lost["tracking"]),
        lost_recording=total(lost["recording"]),
    )
    ledger = [Gap(first, stop - first, where, why) for where, ids in lost.items() for first, stop in ids]
    return counters, sorted([*upstream, *ledger], key=lambda gap: gap.first_id)
