"""Whether there is a screen for the window."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping

_CONNECT_TIMEOUT_S = 1.0


def why_no_window(environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> str | None:
    """Say why no window can be opened here, or return None."""
    if system.startswith("win") or system == "darwin":
        return None
    if environment.get("QT_QPA_PLATFORM") or environment.get("WAYLAND_DISPLAY"):
        return None
    display = environment.get("DISPLAY")
    if not display:
        return "no display found (neither DISPLAY nor WAYLAND_DISPLAY is set): running headless"
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if local and not _answers(f"/tmp/.X11-unix/X{local[1]}"):
        return f"no display found (DISPLAY is {display}, but nobody answers there): running headless"
    return None


def _answers(path: str) -> bool:
    """Return whether an X server listens on the socket `path`; Qt would end the process if none does."""
    for address in (path, f"\0{path}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
            attempt.settimeout(_CONNECT_TIMEOUT_S)
            try:
                attempt.connect(address)
            except OSError:
                continue
            return True
    return False
