"""The file of a session: JSON lines, first its owner, then what it has made, at last that it has ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The last line, for those who waited for the file's lock while the session ended.
ENDED = {"ended": True}


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What a session file says.

    Attributes
    ----------
    pid, start : int
        Owner.
    implicit : bool
        Made by a buffer because there was none.
    segments, semaphores : tuple of str
    ended : bool
        Only the file is left of it.
    """

    pid: int
    start: int
    implicit: bool
    segments: tuple[str, ...]
    semaphores: tuple[str, ...]
    ended: bool


def running(path: Path) -> SessionFile | None:
    """Return what the file of a session says that has begun and not ended; else None."""
    found = read(path)
    return None if found is None or found.ended else found


def read(path: Path) -> SessionFile | None:
    """Return what a session file says; None when there is none, or none with an owner.

    Raises
    ------
    OSError
        When it exists and cannot be read.
    """
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    lines = list(_whole_lines(text))
    owner = lines[0] if lines else {}
    pid, start = owner.get("pid"), owner.get("start")
    if type(pid) is not int or type(start) is not int or not 0 < pid < 1 << 31:
        return None
    # Only what is named after this session: a damaged line must not remove what belongs to another.
    segments = (name for name in _named(lines, "segment") if name.startswith(f"{path.stem}-"))
    return SessionFile(
        pid,
        start,
        owner.get("implicit") is True,
        tuple(segments),
        tuple(_named(lines, "semaphore")),
        ended=ENDED in lines,
    )


def _whole_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            # Its process was killed in the middle of this line, before it made the segment.
            continue
        if isinstance(value, dict):
            yield value


def _named(lines: list[dict[str, Any]], kind: str) -> list[str]:
    names = dict.fromkeys(line[kind] for line in lines if isinstance(line.get(kind), str))
    return list(names)


def append(path: Path, lines: Sequence[Mapping[str, object]]) -> None:
    """Add lines to a session file; FileNotFoundError when there is none."""
    if lines:
        with open(path, "a+b", opener=_existing) as file:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            # A torn last line would swallow the first of these.
            file.write(text.encode() if file.read(1) == b"\n" else b"\n" + text.encode())


def _existing(path: str, flags: int) -> int:
    """Open without making: a file that was removed meanwhile must not come back without its owner."""
    return os.open(path, flags & ~os.O_CREAT)
