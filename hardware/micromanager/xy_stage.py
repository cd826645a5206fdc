"""The two axes of an XY stage of Micro-Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hardware.micromanager.axis import MicroManagerAxis

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus


class MicroManagerStageX(MicroManagerAxis):
    """The x axis of an XY stage of Micro-Manager, in um.

    Both axes name the same device and the same label. The stage has one command for both: on the way of one
    axis, the other keeps its own target, and a stop stops both.
    """

    unit: ClassVar[str] = "um"
    kind: ClassVar[str] = "an XY stage"
    #: Which of the two it is.
    index: ClassVar[int] = 0

    @classmethod
    def label_without_one(cls, device: object, name: str) -> str:
        """Return the label of the device where the settings have none: that of both axes."""
        return str(device) if device else name

    def read_um(self, core: CMMCorePlus, label: str) -> float:
        """Return where the axis is, um."""
        return float(core.getXYPosition(label)[self.index]) + 0.0

    def send_um(self, core: CMMCorePlus, label: str, position_um: float) -> None:
        """Send the axis to a position, um; the other one goes on to where it is going."""
        self._host.send_xy(core, label, self.index, position_um)

    def stop(self) -> None:
        """Stop both axes at once."""
        super().stop()
        self._host.forget_xy_targets(self._label)


class MicroManagerStageY(MicroManagerStageX):
    """The y axis of an XY stage of Micro-Manager, in um; see `MicroManagerStageX`."""

    index: ClassVar[int] = 1
