"""Force on a tethered bead from the height of the magnet, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from magscope_app.config import Config


class Position(Protocol):
    """A reading of an axis."""

    @property
    def position(self) -> float:
        """Where it is, in its unit."""


def force_at(config: Config, motors: Mapping[str, Position]) -> float | None:
    """Return the force in pN where the magnet is now; None where the config or the axis does not tell."""
    magnet = config.motor_with_role("magnet_height")
    reading = motors.get(magnet.name) if magnet is not None else None
    if reading is None or config.force is None:
        return None
    return force_of_height(config, reading.position)


def force_of_height(config: Config, height_mm: float) -> float:
    """Return the force in pN at a height of the magnet: f0 · exp(−height / decay)."""
    assert config.force is not None
    model = config.force.model
    return model.f0_pn * math.exp(-height_mm / model.decay_mm)


def height_of_force(config: Config, force_pn: float) -> float:
    """Return the height of the magnet in mm at which the force is `force_pn` (above 0)."""
    assert config.force is not None
    model = config.force.model
    return -model.decay_mm * math.log(force_pn / model.f0_pn)
