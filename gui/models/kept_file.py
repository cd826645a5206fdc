"""Small JSON files of the user's: read with care; what cannot be read is set aside, never overwritten."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from magscope_app.errors import MagscopeError
from magscope_app.storage.atomic import write_atomically

#: More than any of these files holds; the rest of a larger one is not read.
MAX_BYTES = 4 << 20
#: Files of one name that are set aside at most.
MAX_ASIDE = 20
#: What reading, and a look at what was read, may raise.
UNREADABLE = (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError)


def read_json(path: Path, versions: Collection[int]) -> dict[str, Any]:
    """Read a table with its version, in UTF-8, or UTF-16 as some editors write it.

    Parameters
    ----------
    path : Path
        The file; anything but a regular file (a pipe would never end) is not opened.
    versions : collection of int
        Those that are understood.

    Raises
    ------
    FileNotFoundError
        There is none.
    OSError, ValueError, RecursionError
        It cannot be read, or is of another version.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
    data = json.loads(content)
    version = data.get("version") if isinstance(data, dict) else None
    if type(version) is not int or version not in versions:
        raise ValueError("it has no version" if version is None else f"it is of version {str(version)[:20]}")
    return dict(data)


def write_json(path: Path, table: dict[str, Any], read: Callable[[Path], object]) -> None:
    """Write a table whole or not at all; what is there and cannot be read is set aside first.

    Nothing takes the place of a link that leads nowhere: the disk that it leads to may be away for now.

    Parameters
    ----------
    path : Path
        The file.
    table : dict
        Its content; what JSON does not know is written as text.
    read : callable
        Reads what is there, and raises where it is not understood.

    Raises
    ------
    OSError, MagscopeError
        The file cannot be written, or what is there not be set aside, or it is a link that leads nowhere.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        read(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise MagscopeError(
                f"{path} is a link to {path.readlink()}, which is not there: nothing is kept until what it "
                "leads to is back, or the link is removed"
            ) from None
    except UNREADABLE:
        set_aside(path)
    write_atomically(path, json.dumps(table, indent=1, default=str).encode())


def set_aside(path: Path) -> Path:
    """Give a file another name that no file has yet; return it.

    Raises
    ------
    MagscopeError
        It keeps its name.
    """
    names = ["refused", *(f"refused-{number}" for number in range(2, MAX_ASIDE + 1))]
    asides = [path.with_name(f"{path.stem}.{name}{path.suffix}") for name in names]
    aside = next((one for one in asides if not os.path.lexists(one)), None)
    if aside is None:
        raise MagscopeError(
            f"{path} cannot be set aside: {MAX_ASIDE} such files lie beside it; until some of them are moved "
            "away, nothing is kept there"
        )
    try:
        path.rename(aside)
    except OSError as error:
        why = error.strerror or error
        raise MagscopeError(
            f"{path} cannot be set aside ({why}); until it is moved away, nothing is kept there"
        ) from error
    return aside


def refuse(path: Path, what: str, error: Exception, instead: str) -> str:
    """Set a file aside that cannot be used, and say so.

    Parameters
    ----------
    path, what : Path, str
        The file, and what it holds.
    error : Exception
        Why it cannot be used.
    instead : str
        What comes of it.

    Returns
    -------
    str
        What happened, and where the file lies now.
    """
    said = f"{path}: {what} cannot be read ({error}); {instead}"
    try:
        return f"{said}. The file lies beside it now, as {set_aside(path).name}"
    except MagscopeError as kept:
        return f"{said}. {kept}"
