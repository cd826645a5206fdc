"""The objective's piezo of the simulated microscope."""

from __future__ import annotations

from typing import ClassVar

from hardware.simulated.axis import SimulatedAxis
from hardware.simulated.world import Axis


class SimulatedFocus(SimulatedAxis):
    """Focus in nm; higher moves the focal plane away from the coverslip."""

    unit: ClassVar[str] = "nm"
    axis: ClassVar[Axis] = Axis.FOCUS
    default_speed: ClassVar[float] = 200_000.0
    fastest: ClassVar[float] = 10_000_000.0
    travel: ClassVar[tuple[float, float]] = (-50_000.0, 50_000.0)
