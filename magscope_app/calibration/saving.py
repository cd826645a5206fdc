"""Writing the Z-LUTs of a sweep: one .npz with everything, and a text file per bead for other programs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from magscope_app.errors import MagscopeError
from magscope_app.tracking import ZLUTSet

_TEXT_FILE = re.compile(r"bead-\d+\.txt")


def why_not_path(path: Path) -> str | None:
    """Say why Z-LUTs cannot be written to `path`, or return None."""
    if path.suffix.lower() != ".npz":
        return f"{path} does not end in .npz, the format that holds everything; choose another name"
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist; make it or choose another"
    if path.is_dir():
        return f"{path} is a folder; give a file"
    folder = text_folder(path)
    others = _others(folder)
    if others:
        return f"{folder}, where the text files go, holds {others[0]}, which is no Z-LUT; choose another name"
    return None


def text_folder(path: Path) -> Path:
    """Return the folder of text files that belongs to a .npz."""
    return path.with_name(f"{path.stem}_text")


def _others(folder: Path) -> list[str]:
    """Return what in a folder of text files is not of this program, and must not be replaced."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        return ["a file of this name"]
    return sorted(entry.name for entry in folder.iterdir() if not _TEXT_FILE.fullmatch(entry.name))


def save_zluts(zluts: ZLUTSet, path: Path) -> Path:
    """Write a set and, beside it, a folder with a text file per bead; both are whole or not there.

    Parameters
    ----------
    zluts : ZLUTSet
        At least one.
    path : Path
        Ends in .npz; an older file is replaced.

    Returns
    -------
    Path
        The folder with the text files (row 0: z in nm; then the profile at r = 0, 1, 2 … px).

    Raises
    ------
    MagscopeError
        There is nothing to write, or the disk does not take it; older files stay as they were.
    """
    reason = why_not_path(path) or (None if len(zluts) else "there is no Z-LUT to save; accept a bead first")
    if reason:
        raise MagscopeError(reason)
    fresh, texts = path.with_name(f".{path.name}.new.npz"), path.with_name(f".{path.name}.text")
    folder = text_folder(path)
    try:
        zluts.save(fresh)
        shutil.rmtree(texts, ignore_errors=True)
        texts.mkdir()
        for bead_id, zlut in zluts.items():
            zlut.save(texts / f"bead-{bead_id:04d}.txt")
        if folder.exists():
            shutil.rmtree(folder)
        texts.rename(folder)
        fresh.replace(path)
    except OSError as error:
        raise MagscopeError(f"{path} could not be written ({error}); check the disk") from error
    finally:
        fresh.unlink(missing_ok=True)
        shutil.rmtree(texts, ignore_errors=True)
    return folder
