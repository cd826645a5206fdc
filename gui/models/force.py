"""Force on tethered beads where the magnet is now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from magscope_app.config import Config
from magscope_app.devices.force import ForceCalibration


class Position(Protocol):
    """A reading of an axis."""

    @property
    def position(self) -> float:
        """Where it is, in its unit."""


def force_at(
    calibration: ForceCalibration | None, config: Config, motors: Mapping[str, Position]
) -> float | None:
    """Return the force in pN where the magnet is now; None where the config or the axis does not tell."""
    magnet = config.motor_with_role("magnet_height")
    reading = motors.get(magnet.name) if magnet is not None else None
    if reading is None or calibration is None:
        return None
    force_pn = float(calibration.force_pn(reading.position))
    return force_pn if math.isfinite(force_pn) else None
