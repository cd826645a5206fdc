"""The hidden folders in which sweeps lie until they are whole, and what killed ones have left of them."""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import shutil
import time
from pathlib import Path

from magscope_app.operating_system import is_alive, process_start

_log = logging.getLogger(__name__)
_PREFIX = ".unfinished-"
_OWNER = "owner.json"
#: A folder without owner is one that is being made, or whose process was killed at that moment.
_OLD_S = 3600.0


def make_hidden(root: Path) -> Path:
    """Make a hidden folder below `root` that belongs to this process, and return it. Raises OSError."""
    hidden = root / f"{_PREFIX}{secrets.token_hex(4)}"
    hidden.mkdir(parents=True)
    owner = {"host": platform.node(), "pid": os.getpid(), "start": process_start(os.getpid())}
    try:
        (hidden / _OWNER).write_text(json.dumps(owner), encoding="utf-8")
    except OSError:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return hidden


def remove_abandoned(root: Path) -> str:
    """Remove hidden folders of processes that were killed; return a sentence about it, or nothing.

    A folder of a process that still runs is left alone, and so is one of another computer.
    """
    removed, nbytes = [], 0
    for folder in sorted(root.glob(f"{_PREFIX}*")):
        if folder.is_dir() and _is_abandoned(folder):
            nbytes += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            shutil.rmtree(folder, ignore_errors=True)
            removed += [folder] if not folder.exists() else []
    if not removed:
        return ""
    what = "a sweep" if len(removed) == 1 else f"{len(removed)} sweeps"
    return f"{1e-6 * nbytes:.1f} MB that {what} left in {root} when its process was killed were removed"


def _is_abandoned(folder: Path) -> bool:
    try:
        owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        return owner["host"] == platform.node() and not is_alive(int(owner["pid"]), int(owner["start"]))
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _OLD_S
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s may be left of a sweep that was killed (%s); remove it by hand", folder, error)
        return False
