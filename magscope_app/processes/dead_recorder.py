"""The dataset of a recording process that died: completed as far as the supervisor knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from magscope_app.datatypes import Gap, VideoBuffer
from magscope_app.errors import MagscopeError
from magscope_app.messages import Counters, RecordingFinished
from magscope_app.processes.id_ranges import Range, clip, subtract, total, union
from magscope_app.storage import DatasetFolder


def close_for_dead_recorder(path: Path, why: str, video: VideoBuffer, acknowledged: int) -> RecordingFinished:
    """Write into dataset.json that a recording failed, and what it holds.

    Parameters
    ----------
    path : Path
        The dataset.
    why : str
        How the process ended.
    video : VideoBuffer
        The ring, which knows the other losses.
    acknowledged : int
        Frames that were counted as recorded.

    Returns
    -------
    RecordingFinished
        What the recording process would have said.
    """
    error = f"{why}; what was recorded is safe, to complete its files: magscope-app repair {path}"
    counters = Counters(frames_recorded=acknowledged)
    try:
        folder = DatasetFolder.open(path)
        window = int(folder.description["start_frame_id"]), video.counters().next_frame_id
        counters, ledger = account_for_dead(window, video.ledger(), acknowledged, why)
        left_out = folder.description["counters"].get("frames_left_out", 0)
        counters = replace(counters, frames_left_out=left_out)
        counts = asdict(counters) | {"frames_lost": counters.frames_lost}
        folder.finish("failed", counts, [asdict(gap) for gap in ledger], errors=[error])
    except (MagscopeError, KeyError) as problem:
        error = f"{error} ({problem})"
    return RecordingFinished(path, "failed", counters, error)


def account_for_dead(
    window: Range, gaps: Sequence[Gap], acknowledged: int, why: str
) -> tuple[Counters, list[Gap]]:
    """Count the frames of a recording that died: after the acknowledged ones all are lost."""
    upstream = [gap for gap in gaps if gap.where == "camera" and window[0] < gap.first_id <= window[1]]
    lost = {
        where: clip([(gap.first_id, gap.first_id + gap.count) for gap in gaps if gap.where == where], window)
        for where in ("ring", "tracking")
    }
    present = subtract([window], [*lost["ring"], *lost["tracking"]])
    lost["recording"] = subtract(present, _first(present, acknowledged))
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


def _first(ranges: list[Range], count: int) -> list[Range]:
    """Return the first `count` ids."""
    taken: list[Range] = []
    for first, stop in union(ranges):
        taken.append((first, min(stop, first + count)))
        count -= taken[-1][1] - first
    return taken
