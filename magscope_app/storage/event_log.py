"""What happened during a recording, one JSON line per event."""

from __future__ import annotations

import errno
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from magscope_app.errors import MagscopeError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventLog:
    """Append events to a file; each reaches the operating system before `append` returns.

    May be used from several threads.

    Parameters
    ----------
    path : Path
        The file; continued if it exists.
    unix_start_ns : int
        Unix time of the session's start, from which the UTC time of an event follows.
    """

    def __init__(self, path: Path, unix_start_ns: int) -> None:
        self.path = path
        self._unix_start_ns = unix_start_ns
        self._lock = threading.Lock()

    def append(self, kind: str, *, timestamp_ns: int, frame_id: int | None = None, **fields: Any) -> None:
        """Write one event.

        Parameters
        ----------
        kind : str
            What it is, such as ``"command"``, ``"setting"``, ``"note"`` or ``"loss"``.
        timestamp_ns : int
            Session clock: ns since session start.
        frame_id : int, optional
            The newest frame at that time.
        **fields
            What else is to be known; paths and other objects are written as text.

        Raises
        ------
        ValueError
            If a field is named ``utc``, which the log itself writes.
        MagscopeError
            If the disk does not take it.
        """
        if "utc" in fields:
            raise ValueError("the event log writes the field 'utc' itself; choose another name")
        moment = _EPOCH + timedelta(microseconds=(self._unix_start_ns + int(timestamp_ns)) // 1000)
        event = {
            "kind": kind,
            "frame_id": None if frame_id is None else int(frame_id),
            "timestamp_ns": int(timestamp_ns),
            "utc": moment.isoformat(),
            **fields,
        }
        line = as_json(event) + b"\n"
        try:
            # One write of a whole line to a file opened for appending: a kill leaves no half line.
            with self._lock, self.path.open("ab", buffering=0) as file:
                begin = file.tell()
                if file.write(line) < len(line):
                    file.truncate(begin)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise MagscopeError(
                f"an event could not be written to {self.path} ({error}); check the disk"
            ) from error


def as_json(content: object, indent: int | None = None) -> bytes:
    """Return `content` as UTF-8 JSON; halves of characters, as broken text has them, are escaped."""
    text = json.dumps(content, default=plain, ensure_ascii=False, indent=indent)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(content, default=plain, indent=indent).encode()


def plain(value: object) -> object:
    """Turn what JSON does not know into numbers, lists or text."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)
