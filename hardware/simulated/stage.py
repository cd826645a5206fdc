"""The sample stage of the simulated microscope."""

from __future__ import annotations

from typing import ClassVar

from hardware.simulated.axis import SimulatedAxis
from hardware.simulated.world import Axis


class SimulatedStageX(SimulatedAxis):
    """Stage in x, in um; moving it moves the image of every bead by as much."""

    unit: ClassVar[str] = "um"
    axis: ClassVar[Axis] = Axis.STAGE_X
    default_speed: ClassVar[float] = 200.0
    fastest: ClassVar[float] = 10_000.0
    travel: ClassVar[tuple[float, float]] = (-10_000.0, 10_000.0)


class SimulatedStageY(SimulatedStageX):
    """Stage in y, in um; moving it moves the image of every bead by as much."""

    axis: ClassVar[Axis] = Axis.STAGE_Y
