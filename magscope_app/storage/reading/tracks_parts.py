"""All tracks files of a dataset, read as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from magscope_app.errors import MagscopeError
from magscope_app.storage.reading.documents import listed
from magscope_app.storage.reading.hdf5_view import read_hdf5
from magscope_app.storage.reading.tracks_content import (
    DRIFT_DTYPE,
    FRAMES_DTYPE,
    TELEMETRY_DTYPE,
    TRACKS_DTYPE,
    Records,
    TracksContent,
)

_Result = TypeVar("_Result")
_NAME = re.compile(r"tracks(?:-(\d{4,}))?\.h5")


def tracks_paths(folder: Path) -> list[Path]:
    """Return tracks.h5, tracks-0002.h5 … of a dataset, in their order; MagscopeError if it is gone."""
    numbered = {int(match[1] or 1): path for path in listed(folder) if (match := _NAME.fullmatch(path.name))}
    return [numbered[number] for number in sorted(numbered)]


class TracksParts:
    """The tracks files in a folder; every call reads what is there at that moment.

    Frames of a later part that an earlier one holds, too, are left out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return tracks_paths(self._folder)

    def frames(self) -> Records:
        """Return all frames, structured as `FRAMES_DTYPE`, in ascending order of their ids."""
        return _joined(self._each(lambda content: content.frames()), "frame_id", FRAMES_DTYPE)

    def blocks(self, first: int | None, stop: int | None, most_rows: int) -> Iterator[Records]:
        """Yield the records of frames with ids from `first` to before `stop`, in blocks of whole frames."""
        low, high = first or 0, np.inf if stop is None else stop
        for path in self.paths:
            ids, offsets = read_hdf5(path, _ids_and_offsets)
            at, end = (int(np.searchsorted(ids, limit)) for limit in (low, high))
            while at < end:
                limit = int(np.searchsorted(offsets, offsets[at] + most_rows, side="right")) - 1
                until = min(end, max(at + 1, limit))
                yield read_hdf5(path, _range_reader(at, until))
                at = until
            if len(ids):
                low = max(low, int(ids[-1]) + 1)

    def records(self, first: int | None, stop: int | None) -> Records:
        """Return the records of frames with ids from `first` to before `stop`."""
        blocks = list(self.blocks(first, stop, 2**62))
        return np.concatenate(blocks) if blocks else np.empty(0, TRACKS_DTYPE)

    def devices(self) -> dict[str, dict[str, Any]]:
        """Return the devices with telemetry, and what is known about each: unit, role."""
        found: dict[str, dict[str, Any]] = {}
        for devices in self._each(TracksContent.devices):
            found.update(devices)
        return found

    def telemetry(self, device: str) -> Records:
        """Return all rows of a device, structured as `TELEMETRY_DTYPE`; MagscopeError for an unknown one."""
        devices = self.devices()
        if device not in devices:
            known = ", ".join(devices) or "none"
            raise MagscopeError(f"{self._folder} holds no telemetry of {device!r}; devices: {known}")
        parts = self._each(lambda content: content.telemetry(device) if device in content.devices() else None)
        return _joined([part for part in parts if part is not None], "t_ns", TELEMETRY_DTYPE)

    def drift(self) -> Records:
        """Return the drift of all frames for which it was measured, structured as `DRIFT_DTYPE`."""
        return _joined(self._each(TracksContent.drift), "frame_id", DRIFT_DTYPE)

    def truth(self) -> Records | None:
        """Return where simulated beads really were; None in real recordings."""
        parts = [part for part in self._each(TracksContent.truth) if part is not None]
        return _joined(parts, "frame_id", parts[0].dtype) if parts else None

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the first file."""
        paths = self.paths
        return read_hdf5(paths[0], lambda file: dict(file.attrs)) if paths else {}

    def bead_ids(self) -> list[int]:
        """Return the ids of all beads that were tracked."""
        found: set[int] = set()
        for path in self.paths:
            found |= read_hdf5(path, _bead_ids)
        return sorted(found)

    def cut_off(self) -> list[str]:
        """Say which files hold fewer whole frames than timestamps."""
        found = []
        for path in self.paths:
            stamped, whole = read_hdf5(path, _stamped_and_whole)
            if whole < stamped:
                found.append(f"{path.name} holds {stamped} timestamps, but only {whole} whole frames")
        return found

    def _each(self, read: Callable[[TracksContent], _Result]) -> list[_Result]:
        return [read_hdf5(path, lambda file: read(TracksContent(file))) for path in self.paths]


def _range_reader(first: int, stop: int) -> Callable[[Any], Records]:
    return lambda file: TracksContent(file).records(first, stop)


def _ids_and_offsets(file: Any) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    content = TracksContent(file)
    return content.frames()["frame_id"].copy(), content.offsets


def _stamped_and_whole(file: Any) -> tuple[int, int]:
    content = TracksContent(file)
    return content.n_stamped, content.n_frames


def _bead_ids(file: Any) -> set[int]:
    n_records, step = TracksContent(file).n_records, 2**22
    found: set[int] = set()
    for begin in range(0, n_records, step):
        found |= set(np.unique(file["tracking/bead_ids"][begin : min(begin + step, n_records)]).tolist())
    return found


def _joined(parts: list[Records], order: str, dtype: np.dtype[np.void]) -> Records:
    """Join parts; what an earlier part holds, too, is left out."""
    kept: list[Records] = []
    for part in parts:
        newer = part[part[order] > kept[-1][order][-1]] if kept else part
        if len(newer):
            kept.append(newer)
    return np.concatenate(kept) if kept else np.empty(0, dtype)
