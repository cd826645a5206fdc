"""What all drivers have in common."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import ClassVar


class Device:
    """What a driver says about itself without being made: nothing is opened, and no device is touched."""

    #: What has to be installed or switched on besides this application, in a few words.
    needs: ClassVar[str] = ""
    #: Shared matrices the driver needs: name to (rows, columns).
    shared_matrices: ClassVar[Mapping[str, tuple[int, int]]] = {}

    @classmethod
    def why_unavailable(cls) -> str | None:
        """Say in one sentence why the driver cannot work on this computer and what to do, or return None."""
        return None


def missing_package(module: str, install: str) -> str | None:
    """Say that a Python package is not installed, or return None; nothing is imported."""
    if importlib.util.find_spec(module) is not None:
        return None
    return f"the package {module} is not installed; run: pip install {install}"
