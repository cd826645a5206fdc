"""What is wrong with a folder, before anything is written into it."""

from __future__ import annotations

import tempfile
from pathlib import Path


def path_of(text: str) -> Path | str:
    """Return the whole path that was typed, or in one sentence why it is none."""
    try:
        return Path(text.strip()).expanduser().absolute()
    except (RuntimeError, ValueError, OSError):
        return f"“{text.strip()}” is no path here: there is no such user; give the whole path"


def why_no_folder(path: Path) -> str | None:
    """Say in one sentence why nothing can be written into a folder, or return None; it need not exist yet."""
    nearest = next((parent for parent in (path, *path.parents) if parent.exists()), None)
    if nearest is None:
        return f"{path} is on no drive that is there; choose another folder"
    if not nearest.is_dir():
        return f"{nearest} is a file; choose a folder"
    try:
        # What a folder says of itself is not enough: nobody can write into some, whatever their rights.
        Path(tempfile.mkdtemp(prefix=".magscope-", dir=nearest)).rmdir()
    except OSError as error:
        why = error.strerror or str(error)
        return f"nothing can be written into {nearest} ({why}); choose another folder"
    return None
