"""What a tracks file keeps beside the tracks: copies of events, Z-LUTs and the config file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from magscope_app.errors import MagscopeError
from magscope_app.storage.names import validate_dataset_name
from magscope_app.storage.reading.guard import DAMAGE
from magscope_app.storage.reading.hdf5_view import open_hdf5

#: The folder of the dataset in which the files of a group stand.
FOLDERS = {"zluts": "zluts", "documents": "."}


@dataclass
class KeptCopies:
    """What the tracks files of a dataset keep.

    Attributes
    ----------
    exit_status : str
        That of the last file: a recording that was ended in order says so.
    unix_start_ns : int or None
        When the session began, as the first file says.
    events : list of dict
        Those of the file with the most.
    files : dict
        Content of Z-LUTs and documents by where they stand in the dataset; later files count more.
    """

    exit_status: str = "running"
    unix_start_ns: int | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


def read_kept_copies(paths: list[Path]) -> KeptCopies:
    """Read what tracks files keep, as far as that can be read."""
    kept = KeptCopies()
    for path in paths:
        kept.exit_status = "running"
        with contextlib.suppress(MagscopeError), open_hdf5(path) as file:
            with contextlib.suppress(*DAMAGE):
                kept.exit_status = str(file.attrs.get("exit_status", "running"))
            with contextlib.suppress(*DAMAGE):
                if kept.unix_start_ns is None:
                    kept.unix_start_ns = int(file["tracking"].attrs["recording_start_ns"])
            events = list(_events(file))
            if len(events) > len(kept.events):
                kept.events = events
            kept.files.update(_files(file))
    return kept


def _events(file: h5py.File) -> Iterator[dict[str, Any]]:
    lines: list[bytes] = []
    with contextlib.suppress(*DAMAGE):
        lines = list(file["events"][:])
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event


def _files(file: h5py.File) -> Iterator[tuple[str, bytes]]:
    for group, folder in FOLDERS.items():
        names: list[str] = []
        with contextlib.suppress(*DAMAGE):
            names = [str(name) for name in file[group]]
        for name in names:
            # Damaged names must not lead out of the dataset.
            if validate_dataset_name(name) is not None:
                continue
            with contextlib.suppress(*DAMAGE):
                content = file[group][name][()]
                where = name if folder == "." else f"{folder}/{name}"
                yield where, content if isinstance(content, bytes) else content.tobytes()
