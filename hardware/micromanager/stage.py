"""Single-axis stages of Micro-Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hardware.micromanager.axis import MicroManagerAxis

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

_POSITION = "Position"


class MicroManagerStage(MicroManagerAxis):
    """Any single-axis stage of Micro-Manager, in um."""

    unit: ClassVar[str] = "um"

    def read_um(self, core: CMMCorePlus, label: str) -> float:
        """Return where the stage says it is, um."""
        return float(core.getPosition(label))

    def send_um(self, core: CMMCorePlus, label: str, position_um: float) -> None:
        """Send the stage to a position, um."""
        core.setPosition(label, position_um)

    def device_limits(self) -> tuple[float, float]:
        """Return the limits of the stage's property Position where it has them, in the unit of the axis."""
        core, label = self._opened(), self._label
        if not core.hasProperty(label, _POSITION) or not core.hasPropertyLimits(label, _POSITION):
            return super().device_limits()
        limits_um = core.getPropertyLowerLimit(label, _POSITION), core.getPropertyUpperLimit(label, _POSITION)
        low, high = sorted(limit / self._scale for limit in limits_um)
        return low, high
