"""The motor that turns the magnets of the simulated microscope."""

from __future__ import annotations

from typing import ClassVar

from hardware.simulated.axis import SimulatedAxis
from hardware.simulated.world import Axis


class SimulatedMagnetRotation(SimulatedAxis):
    """Rotation of the magnets in turns; it twists the tethers, which are relaxed at 0."""

    unit: ClassVar[str] = "turns"
    axis: ClassVar[Axis] = Axis.MAGNET_ROTATION
    default_speed: ClassVar[float] = 10.0
    fastest: ClassVar[float] = 100.0
    settle_s: ClassVar[float] = 0.01
    travel: ClassVar[tuple[float, float]] = (-100_000.0, 100_000.0)
