"""Which system library Qt lacks, said with the name of the package that has it."""

from __future__ import annotations

import ctypes
import os
import sys

#: Library to Debian package: needed to load Qt at all.
_ALWAYS = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
}
#: Needed besides to open an X window; without them Qt aborts.
_FOR_X = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}


def missing_packages(platform: str = sys.platform, *, opens_x: bool | None = None) -> tuple[str, ...]:
    """Return the Debian packages of the libraries that cannot be loaded, none where Qt can start.

    Parameters
    ----------
    platform : str
        As `sys.platform`; only Linux keeps these libraries apart from Qt.
    opens_x : bool, optional
        Whether an X window is to be opened; by default what the environment says.
    """
    if not platform.startswith("linux"):
        return ()
    wanted = {**_ALWAYS, **(_FOR_X if _opens_x(os.environ) is True or opens_x else {})}
    if opens_x is False:
        wanted = _ALWAYS
    return tuple(package for library, package in wanted.items() if not _loads(library))


def _opens_x(environment: os._Environ[str]) -> bool:
    chosen = environment.get("QT_QPA_PLATFORM", "")
    if chosen:
        return chosen.startswith("xcb")
    return "DISPLAY" in environment and "WAYLAND_DISPLAY" not in environment


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def sentence(packages: tuple[str, ...], error: str = "") -> str:
    """Return what to tell the user."""
    if packages:
        names = " ".join(packages)
        return f"The window cannot open, system libraries are missing: run sudo apt install {names}"
    return f"The window cannot open: {error}; run with --headless, or reinstall PyQt6 and pyqtgraph"
