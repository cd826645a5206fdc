"""`magscope-app devices`: which drivers are installed, and which of them can be used."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict

from magscope_app.devices.catalogue import DriverInfo, installed_drivers

_TITLES = {"camera": "cameras", "motor": "motors", "unknown": "cannot be loaded"}


def devices(as_json: bool) -> int:
    """Print every driver with what it needs and why it cannot be used; no device is opened."""
    # What drivers print when they are imported is no part of the list.
    with redirect_stdout(sys.stderr):
        found = installed_drivers()
    if as_json:
        print(json.dumps([asdict(driver) for driver in found], indent=2))
        return 0
    for kind, title in _TITLES.items():
        drivers = [driver for driver in found if driver.kind == kind]
        if drivers:
            print(title)
        for driver in drivers:
            print("\n".join(f"  {line}" for line in _lines(driver)))
    return 0


def _lines(driver: DriverInfo) -> list[str]:
    unit = f" [{driver.unit}]" if driver.unit else ""
    lines = [f"{driver.driver}{unit}"]
    if driver.about:
        lines.append(f"  {driver.about}")
    if driver.needs:
        lines.append(f"  needs {driver.needs}")
    if driver.unavailable:
        lines.append(f"  UNAVAILABLE: {driver.unavailable}")
    return lines
