"""One tracks file: every frame and row that can be read, in a new file of the same layout."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magscope_app.datatypes.columns import DRIFT_COLUMNS, TRACKS_COLUMNS
from magscope_app.storage.reading.guard import DAMAGE
from magscope_app.storage.reading.hdf5_view import open_hdf5
from magscope_app.storage.reading.tracks_content import FRAMES_DTYPE, Records, TracksContent
from magscope_app.storage.repairing.copying import Progress
from magscope_app.storage.table import CHUNK_ROWS
from magscope_app.storage.tracks import TracksFile

_FRAMES_AT_ONCE = 20_000
#: Rows hold ids as floats of 64 bits.
_MOST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class RepairedTracks:
    """What became of a tracks file.

    Attributes
    ----------
    frame_ids : ndarray (n,) uint64
        Its frames.
    n_beads : ndarray (n,) uint32
        How many beads each has.
    notes : list of str
        What was wrong or is missing.
    """

    frame_ids: NDArray[np.uint64]
    n_beads: NDArray[np.uint32]
    notes: list[str]


def repair_tracks(source: Path, target: Path, unix_start_ns: int, progress: Progress) -> RepairedTracks:
    """Write what can be read of `source` into `target`.

    Raises
    ------
    MagscopeError
        If nothing can be read of it, or the disk does not take the copy.
    """
    notes: list[str] = []
    with open_hdf5(source) as file:
        content = TracksContent(file, salvage=True)
        status = str(file.attrs.get("exit_status", "running"))
        telemetry, drift, truth = _tables(content, source.name, notes)
        made = TracksFile(
            target,
            unix_start_ns=int(file["tracking"].attrs.get("recording_start_ns", unix_start_ns)),
            attributes={name: value for name, value in file.attrs.items() if name != "exit_status"},
            telemetry={device: about for device, (about, _) in telemetry.items()},
            truth_columns=truth.dtype.names or () if truth is not None else (),
        )
        try:
            for device, (_, rows) in telemetry.items():
                made.append_telemetry(device, rows)
            made.append_drift(drift)
            if truth is not None:
                made.append_truth(_plain(truth))
            frames = [_append(made, content, first, stop, progress) for first, stop in _readable(content)]
        finally:
            made.close("interrupted" if status == "running" else status)
    copied = np.concatenate(frames) if frames else np.empty(0, FRAMES_DTYPE)
    if len(copied) < content.n_stamped:
        notes.append(f"{content.n_stamped - len(copied)} frames of {source.name} cannot be read")
    return RepairedTracks(copied["frame_id"], copied["n_beads"], notes)


def _append(made: TracksFile, content: TracksContent, first: int, stop: int, progress: Progress) -> Records:
    frames = content.frames(first, stop)
    made.append_rows(_rows(frames, content.records(first, stop)))
    made.flush(final=True)
    progress("copying tracks", stop / content.n_frames)
    return frames


def _rows(frames: Records, records: Records) -> NDArray[np.float64]:
    """Return records as rows of tracks again; a frame without records gets a row with bead_id -1."""
    empty = frames[frames["n_beads"] == 0]
    rows = np.zeros((len(records) + len(empty), len(TRACKS_COLUMNS)))
    for column, name in enumerate(TRACKS_COLUMNS):
        rows[: len(records), column] = records[name]
        if name in ("frame_id", "t_ns", "focus_nm"):
            rows[len(records) :, column] = empty[name]
    rows[len(records) :, TRACKS_COLUMNS.index("bead_id")] = -1
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _readable(content: TracksContent) -> Iterator[tuple[int, int]]:
    """Yield ranges of frames that can be read, in ascending order of their ids."""
    last_id = -1
    for first in range(0, content.n_frames, _FRAMES_AT_ONCE):
        for begin, end in _runs(content.whole, first, min(first + _FRAMES_AT_ONCE, content.n_frames)):
            whole = _is_readable(content, begin, end)
            for piece in [(begin, end)] if whole else _by_chunks(content, begin, end):
                ids = content.frames(*piece)["frame_id"]
                if int(ids[0]) > last_id:
                    last_id = int(ids[-1])
                    yield piece


def _runs(whole: NDArray[np.bool_], first: int, stop: int) -> list[tuple[int, int]]:
    """Return the ranges of frames from `first` to before `stop` that make sense."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], whole[first:stop], [False])))) + first
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _by_chunks(content: TracksContent, first: int, stop: int) -> list[tuple[int, int]]:
    """Cut a range where one of the chunks on disk ends, so that a damaged one takes no others with it."""
    offsets = np.maximum.accumulate(content.offsets[first : stop + 1])
    records = np.arange(0, offsets[-1] + CHUNK_ROWS, CHUNK_ROWS)
    behind = np.searchsorted(offsets, records, side="right") + first
    cuts = {first, stop, *range(0, stop, CHUNK_ROWS), *(behind - 1).tolist(), *behind.tolist()}
    cuts |= _around_odd_ids(content, first, stop)
    edges = sorted(cut for cut in cuts if first <= cut <= stop)
    return [(begin, end) for begin, end in itertools.pairwise(edges) if _is_readable(content, begin, end)]


def _around_odd_ids(content: TracksContent, first: int, stop: int) -> set[int]:
    """Return where the ids that cannot be right begin and end, if there are any."""
    with contextlib.suppress(*DAMAGE):
        ids = content.frames(first, stop)["frame_id"].astype(np.int64)
        odd = np.flatnonzero((ids < 0) | (ids >= _MOST_EXACT) | (np.diff(ids, prepend=-1) <= 0))
        if len(odd):
            return {first + int(odd[0]), first + int(odd[-1]) + 1}
    return set()


def _is_readable(content: TracksContent, first: int, stop: int) -> bool:
    try:
        frames, records = content.frames(first, stop), content.records(first, stop)
    except DAMAGE:
        return False
    ids = frames["frame_id"].astype(np.int64)
    whole = np.all(np.diff(ids) > 0) and np.all(ids >= 0) and np.all(ids < _MOST_EXACT)
    return bool(whole and len(frames) and records is not None)


def _tables(
    content: TracksContent, name: str, notes: list[str]
) -> tuple[dict[str, tuple[dict[str, Any], NDArray[np.float64]]], NDArray[np.float64], Records | None]:
    """Return telemetry, with what is known about each device, drift and truth, as far as they can be read."""
    telemetry: dict[str, tuple[dict[str, Any], NDArray[np.float64]]] = {}
    drift, truth = np.empty((0, len(DRIFT_COLUMNS))), None
    try:
        devices = content.devices()
    except DAMAGE:
        notes.append(f"the telemetry in {name} cannot be read")
        devices = {}
    for device, about in devices.items():
        try:
            telemetry[device] = (about, _plain(content.telemetry(device)))
        except DAMAGE:
            notes.append(f"the telemetry of {device} in {name} cannot be read")
    try:
        drift = _plain(content.drift())
    except DAMAGE:
        notes.append(f"the drift in {name} cannot be read")
    try:
        truth = content.truth()
    except DAMAGE:
        notes.append(f"the truth in {name} cannot be read")
    notes += [
        f"{count} rows of {table} in {name} cannot be read" for table, count in content.lost_rows.items()
    ]
    return telemetry, drift, truth


def _plain(table: Records) -> NDArray[np.float64]:
    names = table.dtype.names or ()
    return np.column_stack([table[name] for name in names]) if names else np.empty((len(table), 0))
