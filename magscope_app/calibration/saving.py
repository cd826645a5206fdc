"""Writing the Z-LUTs of a sweep: one .npz with everything, and a text file per bead for other programs."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

from magscope_app.errors import MagscopeError
from magscope_app.tracking import ZLUTSet

_TEXT_FILE = re.compile(r"bead-\d+\.txt")


def why_not_path(path: Path, *, overwrite: bool = False) -> str | None:
    """Say why Z-LUTs cannot be written to `path`, or return None.

    A file is made in its folder, and removed: rights alone do not tell. Where `overwrite` is False, older
    files are a reason.
    """
    if path.suffix.lower() != ".npz":
        return f"{path} does not end in .npz, the format that holds everything; choose another name"
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist; make it or choose another"
    if path.is_dir():
        return f"{path} is a folder; give a file"
    folder = text_folder(path)
    try:
        others = _others(folder)
        if others:
            what = f"{others[0]}, which is no Z-LUT"
            return f"{folder}, where the text files go, holds {what}; choose another name"
        older = next((one for one in (path, folder) if one.exists()), None)
        if older is not None and not overwrite:
            return (
                f"{older} exists already: choose another name, or have it replaced (--overwrite, or in the "
                "window “replace an older file”)"
            )
        # As long as the longest name that is made while saving.
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent):
            pass
    except OSError as error:
        return f"{path} cannot be written ({error.strerror}); choose another folder"
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


def save_zluts(zluts: ZLUTSet, path: Path, *, overwrite: bool = False) -> Path:
    """Write a set and, beside it, a folder with a text file per bead; both are whole or not there.

    Parameters
    ----------
    zluts : ZLUTSet
        At least one.
    path : Path
        Ends in .npz.
    overwrite : bool
        Replace older files, once the new ones are whole; otherwise they are a reason not to write.

    Returns
    -------
    Path
        The folder with the text files (row 0: z in nm; then the profile at r = 0, 1, 2 … px).

    Raises
    ------
    MagscopeError
        There is nothing to write, or the disk does not take it; older files stay as they were.
    """
    empty = "there is no Z-LUT to save; accept a bead first"
    reason = (None if len(zluts) else empty) or why_not_path(path, overwrite=overwrite)
    if reason:
        raise MagscopeError(reason)
    fresh, texts = path.with_name(f".{path.name}.new.npz"), path.with_name(f".{path.name}.text")
    try:
        zluts.save(fresh)
        shutil.rmtree(texts, ignore_errors=True)
        texts.mkdir()
        for bead_id, zlut in zluts.items():
            zlut.save(texts / f"bead-{bead_id:04d}.txt")
        _put_in_place(fresh, path, texts)
    except OSError as error:
        raise MagscopeError(f"{path} could not be written ({error}); check the disk") from error
    finally:
        # What cannot be removed either must not take the place of what is raised.
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        shutil.rmtree(texts, ignore_errors=True)
    return text_folder(path)


def _put_in_place(fresh: Path, path: Path, texts: Path) -> None:
    """Let whole new files take the place of older ones, which come back if that fails. Raises OSError."""
    folder, older = text_folder(path), path.with_name(f".{path.name}.older")
    had_one = folder.exists()
    if had_one:
        shutil.rmtree(older, ignore_errors=True)
        folder.rename(older)
    try:
        texts.rename(folder)
        fresh.replace(path)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        if had_one:
            older.rename(folder)
        raise
    shutil.rmtree(older, ignore_errors=True)
