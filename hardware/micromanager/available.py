"""Whether Micro-Manager can be used on this computer; no core is made and no adapter is loaded."""

from __future__ import annotations

from hardware.micromanager.loading import HOW_TO_GET_ADAPTERS
from magscope_app.devices.device import missing_package

NEEDS = "pymmcore-plus, and the device adapters of Micro-Manager for the instrument"


def why_no_micromanager() -> str | None:
    """Say in one sentence why Micro-Manager cannot be used and what to do, or return None."""
    missing = missing_package("pymmcore_plus", "pymmcore-plus")
    if missing is not None:
        return missing
    from pymmcore_plus import find_micromanager

    if not find_micromanager(return_first=False):
        return f"there are no Micro-Manager device adapters on this computer: {HOW_TO_GET_ADAPTERS}"
    return None
