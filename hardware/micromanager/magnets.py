"""Any single-axis stage of Micro-Manager that moves or turns the magnets."""

from __future__ import annotations

from typing import ClassVar

from hardware.micromanager.description import AxisDescription
from hardware.micromanager.stage import MicroManagerStage
from magscope_app.devices import MotorContext
from magscope_app.errors import Problem


class MicroManagerMagnetHeight(MicroManagerStage):
    """A stage of Micro-Manager that moves the magnets up and down, in mm."""

    unit: ClassVar[str] = "mm"
    um_per_unit: ClassVar[float] = 1e3


class MicroManagerMagnetRotation(MicroManagerStage):
    """A stage of Micro-Manager that turns the magnets, in turns; `um_per_unit` says what it calls a turn."""

    unit: ClassVar[str] = "turns"

    @classmethod
    def problems(cls, context: MotorContext) -> tuple[Problem, ...]:
        """Return what is wrong with this motor's entry; no device is loaded."""
        found = super().problems(context)
        if "um_per_unit" in context.motor.settings:
            return found
        said = AxisDescription.model_fields["um_per_unit"].description or ""
        key = f"motors.{context.motor.name}.settings.um_per_unit"
        what = "is missing: Micro-Manager knows no turns"
        return *found, Problem(key, what, f"give {said[:1].lower()}{said[1:].rstrip('.')}")
