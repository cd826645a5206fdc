"""Small helpers for HDF5 files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from magscope_app.errors import MagscopeError

_Result = TypeVar("_Result")


def set_attributes(target: h5py.File | h5py.Group | h5py.Dataset, attributes: Mapping[str, Any]) -> None:
    """Set attributes; what is neither text nor a number is written as JSON."""
    for name, value in attributes.items():
        plain = isinstance(value, (str, int, float, np.generic))
        target.attrs[name] = value if plain else json.dumps(value, default=str)


def copy_in(
    file: h5py.File, events_path: Path | None, zlut_paths: Iterable[Path], documents: Iterable[Path]
) -> None:
    """Copy into `file` what explains it, as ``/events``, ``/zluts/…`` and ``/documents/…``."""
    text = h5py.string_dtype()
    if events_path is not None and events_path.exists():
        # Not splitlines, which cuts at characters that a note may hold.
        lines = [line for line in events_path.read_text(encoding="utf-8").split("\n") if line]
        file.create_dataset("events", data=np.array(lines, dtype=object), shape=(len(lines),), dtype=text)
    for path in zlut_paths:
        file.create_dataset(f"zluts/{path.name}", data=np.frombuffer(path.read_bytes(), np.uint8))
    for path in documents:
        file.create_dataset(f"documents/{path.name}", data=path.read_bytes().decode(), dtype=text)


def guarded(path: Path, verb: str, action: Callable[[], _Result]) -> _Result:
    """Run `action`; turn an error of the disk into a sentence that says what could not be `verb`."""
    try:
        return action()
    except (OSError, RuntimeError) as error:
        # HDF5 reports a disk that is full as a RuntimeError when it flushes.
        raise MagscopeError(
            f"the tracks file {path} could not be {verb} ({error}); check that the disk is there and not full"
        ) from error
