"""The motor that lifts the magnets of the simulated microscope."""

from __future__ import annotations

from typing import ClassVar

from hardware.simulated.axis import SimulatedAxis
from hardware.simulated.world import Axis


class SimulatedMagnetHeight(SimulatedAxis):
    """Height of the magnets above the sample in mm; it sets the force."""

    unit: ClassVar[str] = "mm"
    axis: ClassVar[Axis] = Axis.MAGNET_HEIGHT
    default_speed: ClassVar[float] = 5.0
    fastest: ClassVar[float] = 100.0
    settle_s: ClassVar[float] = 0.01
    travel: ClassVar[tuple[float, float]] = (0.0, 25.0)
