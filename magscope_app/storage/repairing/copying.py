"""Copies that never touch their source."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

_PIECE_BYTES = 2**24
#: Told what is done and which share of it, from 0 to 1.
Progress: TypeAlias = Callable[[str, float], None]


def share(source: Path, target: Path, progress: Progress) -> None:
    """Give an unchanged file a second name; where the file system has no such thing, copy it."""
    try:
        os.link(source, target, follow_symlinks=True)
    except (OSError, NotImplementedError):
        copy(source, target, progress)


def copy(source: Path, target: Path, progress: Progress) -> None:
    """Copy a file that is going to be changed."""
    size, done = max(1, source.stat().st_size), 0
    with source.open("rb") as read, target.open("xb") as write:
        while piece := read.read(_PIECE_BYTES):
            write.write(piece)
            done += len(piece)
            progress(f"copying {source.name}", done / size)
    shutil.copystat(source, target)
