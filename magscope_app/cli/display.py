"""Whether there is a screen for the window."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def why_no_window(environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> str | None:
    """Say why no window can be opened here, or return None."""
    if system.startswith("win") or system == "darwin":
        return None
    if environment.get("QT_QPA_PLATFORM") or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return None
    return "no display found (neither DISPLAY nor WAYLAND_DISPLAY is set): running headless"
