"""`magscope-app info`: what a dataset is and how complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.cli.progress import ProgressLine
from magscope_app.errors import MagscopeError
from magscope_app.storage import Dataset, open_dataset
from magscope_app.storage.event_log import plain
from magscope_app.storage.reading.documents import is_loss
from magscope_app.storage.reading.without_tracks import video_duration_s

_MOST_GAPS_SHOWN = 20


def info(path: str | Path, as_json: bool = False) -> int:
    """Print what a dataset is: counters, gaps, duration, beads, video.

    Parameters
    ----------
    path : str or Path
        The dataset's folder.
    as_json : bool
        Print one JSON object instead of text.

    Returns
    -------
    int
        0.

    Raises
    ------
    MagscopeError
        If it is no dataset, or damaged.
    """
    with ProgressLine() as progress:
        progress.show("reading the index of the video", 0.0)
        facts = collect(open_dataset(path))
    # Damaged text may hold halves of characters, which no terminal takes.
    text = _text(facts).encode("utf-8", "backslashreplace").decode()
    print(json.dumps(facts, indent=2, default=plain) if as_json else text)
    return 0


def collect(dataset: Dataset) -> dict[str, Any]:
    """Return what `info` says, as JSON holds it; duration_s counts from the first to the last frame."""
    description = dataset.description
    frames = dataset.frames()
    video_ids = np.unique(dataset.video_frame_ids)
    video_ids = video_ids[video_ids >= 0]
    tracked = frames["frame_id"].astype(np.int64)
    return {
        "path": str(dataset.path.resolve()),
        "name": description.get("name"),
        "exit_status": dataset.exit_status,
        "mode": description.get("mode"),
        "started": description.get("started"),
        "stopped": description.get("stopped"),
        "duration_s": _duration_s(dataset, frames),
        "counters": dataset.counters,
        "ledger": dataset.ledger,
        "frames_with_tracks": len(frames),
        "gaps_in_tracks": gaps(tracked),
        "beads": dataset.bead_ids,
        "images": len(dataset.video_frame_ids),
        # Between the planes of a sweep no frame is taken.
        "gaps_in_video": [] if "sweep" in description else _lost_images(dataset, video_ids),
        "left_out": dataset.counters.get("frames_left_out", 0),
        "left_out_why": _why_left_out(dataset),
        "video_storage": dataset.foreign_storage or "NDTiff",
        "video_parts": dataset.video_parts,
        "motors": dataset.devices,
        "events": len(dataset.events),
        "zluts": list(dataset.zluts),
        "size_bytes": sum(file.stat().st_size for file in dataset.path.rglob("*") if file.is_file()),
        "versions": description.get("versions"),
        "problems": dataset.problems(),
    }


def _why_left_out(dataset: Dataset) -> str | None:
    """Say why images were left out; None if none were, both reasons where nobody knows which."""
    if not dataset.counters.get("frames_left_out"):
        return None
    recording = dataset.config.get("recording")
    may_process = not isinstance(recording, dict) or recording.get("process_fn") is not None
    reasons = ["for want of beads"] if "ROIs" in str(dataset.description.get("mode", "ROIs")) else []
    return " or ".join([*(["by the processor"] if may_process or not reasons else []), *reasons])


def _duration_s(dataset: Dataset, frames: NDArray[Any]) -> float | None:
    if len(frames):
        return (int(frames["t_ns"][-1]) - int(frames["t_ns"][0])) / 1e9
    try:
        return video_duration_s(dataset)
    except MagscopeError:
        # What is damaged stands among the problems.
        return None


def gaps(ids: NDArray[np.int64]) -> list[dict[str, int]]:
    """Return which ids between the first and the last are missing: first_id and count of each run."""
    steps = np.diff(ids)
    return [{"first_id": int(ids[at]) + 1, "count": int(steps[at]) - 1} for at in np.flatnonzero(steps > 1)]


def _lost_images(dataset: Dataset, ids: NDArray[np.int64]) -> list[dict[str, int]]:
    """Return the gaps in the video; where a processor leaves images out, those that the ledger has."""
    if not len(ids) or not dataset.counters.get("frames_left_out"):
        return gaps(ids)
    at = np.flatnonzero(np.diff(ids) > 1)
    begins, ends = ids[at] + 1, ids[at + 1]
    found = []
    for loss in dataset.ledger:
        if is_loss(loss) and loss.get("where") != "camera":
            first, stop = loss["first_id"], loss["first_id"] + loss["count"]
            touched = slice(np.searchsorted(ends, first, "right"), np.searchsorted(begins, stop))
            for begin, end in zip(begins[touched].tolist(), ends[touched].tolist(), strict=True):
                lost = max(begin, first), min(end, stop)
                found.append({"first_id": lost[0], "count": lost[1] - lost[0]})
    return found


def _text(facts: dict[str, Any]) -> str:
    counters = ", ".join(f"{name} {count}" for name, count in facts["counters"].items())
    unknown = "not known" if facts["counters"].get("frames_recorded") else "no frames"
    duration = f"{facts['duration_s']:.3f} s" if facts["duration_s"] is not None else unknown
    parts = ", ".join(f"{name}: {count}" for name, count in facts["video_parts"].items())
    motors = ", ".join(f"{name} ({about.get('unit', '?')})" for name, about in facts["motors"].items())
    lines = [
        f"{facts['path']}",
        f"recording: {facts['name']}, {facts['exit_status']}, mode {facts['mode']}",
        f"started:   {facts['started']}, stopped {facts['stopped']}",
        f"duration:  {duration}",
        f"counters:  {counters or 'none'}",
        f"tracks:    {_tracks_text(facts)}",
        f"video:     {_video_text(facts, parts)}",
        f"motors:    {motors or 'none'}",
        f"events:    {facts['events']}; Z-LUTs: {', '.join(facts['zluts']) or 'none'}",
        f"size:      {facts['size_bytes'] / 1e6:.1f} MB",
    ]
    lines += _gap_lines("missing in tracks", facts["gaps_in_tracks"])
    lines += _gap_lines("missing in video", facts["gaps_in_video"])
    lines += _gap_lines("ledger", facts["ledger"])
    problems = facts["problems"]
    lines += [f"problem: {problem}; magscope-app repair may help" for problem in problems[:_MOST_GAPS_SHOWN]]
    if len(problems) > _MOST_GAPS_SHOWN:
        lines.append(f"problem: and {len(problems) - _MOST_GAPS_SHOWN} more")
    if facts["exit_status"] == "running":
        lines.append("the recording still runs, or was killed: then use magscope-app repair")
    return "\n".join(lines)


def _tracks_text(facts: dict[str, Any]) -> str:
    n_frames, n_beads = facts["frames_with_tracks"], len(facts["beads"])
    return f"{n_frames} frames of {n_beads} beads" if n_frames else f"none; {n_beads} beads listed"


def _video_text(facts: dict[str, Any], parts: str) -> str:
    if facts["video_storage"] != "NDTiff":
        return f"written by {facts['video_storage']}, which alone can read it"
    text = f"{facts['images']} images" + (f" ({parts})" if parts else "")
    left_out, why = facts["left_out"], facts["left_out_why"]
    return text + (f", {left_out} left out {why}" if left_out else "")


def _gap_lines(title: str, found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for gap in found[:_MOST_GAPS_SHOWN]:
        why = f" ({gap['where']}: {gap.get('why', '')})" if "where" in gap else ""
        lines.append(f"{title}: {gap.get('count')} frames from {gap.get('first_id')} on{why}")
    if len(found) > _MOST_GAPS_SHOWN:
        lines.append(f"{title}: and {len(found) - _MOST_GAPS_SHOWN} more")
    return lines
