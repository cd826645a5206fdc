"""With what a dataset was made: versions, machine, commit."""

from __future__ import annotations

import os
import platform
import socket
from importlib import metadata
from pathlib import Path

import magscope_app

_LIBRARIES = ("numpy", "scipy", "numba", "h5py", "ndstorage", "tifffile", "pymmcore-plus", "PyQt6")


def versions() -> dict[str, str]:
    """Return the versions of this program, of Python and of the libraries that are installed."""
    found = {"magscope-app": magscope_app.__version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def host() -> dict[str, str | int | None]:
    """Return what identifies the computer."""
    return {
        "name": socket.gethostname(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
    }


def git_commit(folder: Path | None = None) -> str | None:
    """Return the commit of the checkout that holds `folder` (this program, by default); None outside of one.

    Reads the files of git, so that no git needs to be installed.
    """
    start = folder if folder is not None else Path(magscope_app.__file__).parent.parent
    git = start / ".git"
    try:
        if git.is_file():
            # A work tree elsewhere: this file names the real folder.
            git = (start / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        return _resolve(git, head.removeprefix("ref:").strip())
    except OSError:
        return None


def _resolve(git: Path, reference: str) -> str | None:
    common_file = git / "commondir"
    common = (git / common_file.read_text(encoding="utf-8").strip()) if common_file.is_file() else git
    for place in (git, common):
        if (place / reference).is_file():
            return (place / reference).read_text(encoding="utf-8").strip()
    packed = common / "packed-refs"
    if packed.is_file():
        for line in packed.read_text(encoding="utf-8").splitlines():
            commit, _, name = line.partition(" ")
            if name == reference:
                return commit
    return None
