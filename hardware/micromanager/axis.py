"""What all axes of Micro-Manager have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from hardware.micromanager.available import NEEDS, why_no_micromanager
from hardware.micromanager.core import PROCESS_CORE, CoreHost
from hardware.micromanager.description import AxisDescription, describe, description_problems
from hardware.micromanager.hosting import axis_claims, axis_controller
from hardware.micromanager.loading import allowed_values, device_errors, text_of
from hardware.micromanager.properties import device_settings
from magscope_app.devices import DeviceError, Motor, MotorContext, Setting, SettingValue
from magscope_app.errors import Problem

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

#: Properties that move the device; it is moved within its limits only.
_MOVING = ("Position",)


class MicroManagerAxis(Motor):
    """An axis of a device of Micro-Manager, whose micrometres become the unit of the axis.

    Settings in the config: those of `AxisDescription`.

    Parameters
    ----------
    context : MotorContext
        The config.
    host : CoreHost
        The core to live in, shared with the other devices of the process.
    """

    needs: ClassVar[str] = NEEDS
    #: Micrometres per unit, where the config does not say.
    um_per_unit: ClassVar[float] = 1.0

    def __init__(self, context: MotorContext, host: CoreHost = PROCESS_CORE) -> None:
        super().__init__(context)
        self._host = host
        self._label = ""
        self._scale = self.um_per_unit
        self._core: CMMCorePlus | None = None

    @classmethod
    def why_unavailable(cls) -> str | None:
        """Say why Micro-Manager cannot be used here, or return None; no core is made."""
        return why_no_micromanager()

    @classmethod
    def controller(cls, context: MotorContext) -> str:
        """Return ``"camera"`` for an axis of the camera's own configuration, which only one core can load."""
        return axis_controller(context)

    @classmethod
    def claims(cls, context: MotorContext) -> tuple[str, ...]:
        """Name the ports, hubs and devices that only one process can have."""
        return axis_claims(context)

    @classmethod
    def problems(cls, context: MotorContext) -> tuple[Problem, ...]:
        """Return what is wrong with this motor's entry; no device is loaded."""
        motor = context.motor
        name = cls.label_without_one(motor.settings.get("device"), motor.name)
        found = description_problems(AxisDescription, _where(context), motor.settings, name)
        if motor.speed is not None:
            found += (
                Problem(
                    f"motors.{motor.name}.speed",
                    "Micro-Manager has no common setting for a stage's speed",
                    "remove it, and set the device's own in settings.properties",
                ),
            )
        return found

    @classmethod
    def label_without_one(cls, device: object, name: str) -> str:  # noqa: ARG003 - an axis of two needs it
        """Return the label of the device where the settings have none."""
        return name

    def open(self) -> None:
        """Load the stage without moving it. Raises DeviceError."""
        if self._core is not None:
            return
        description = describe(AxisDescription, _where(self.context), self.context.motor.settings)
        label = description.label or self.label_without_one(description.device, self.name)
        self._scale = description.um_per_unit or self.um_per_unit
        self._core = self._host.acquire(label, description)
        self._label = label
        try:
            self.read_um(self._core, label)
        except RuntimeError as error:
            self.close()
            what = f"{description.device} of {description.adapter}" if description.device else label
            raise DeviceError(f"{what} is not {self.kind}: {' '.join(str(error).split())}") from error

    def close(self) -> None:
        """Unload the stage; the core goes with its last device."""
        if self._core is not None:
            self._host.release(self._label)
        self._core = None

    #: What the device has to be.
    kind: ClassVar[str] = "a single-axis stage"

    @abstractmethod
    def read_um(self, core: CMMCorePlus, label: str) -> float:
        """Return where the stage says it is, um."""

    @abstractmethod
    def send_um(self, core: CMMCorePlus, label: str, position_um: float) -> None:
        """Send the stage to a position, um."""

    def position(self) -> float:
        """Return where the stage is, in the unit of the axis."""
        with device_errors(f"{self.name} does not tell its position"):
            return self.read_um(self._opened(), self._label) / self._scale

    def is_moving(self) -> bool:
        """Return True while the stage says that it is busy."""
        with device_errors(f"{self.name} does not answer"):
            return bool(self._opened().deviceBusy(self._label))

    def start_move(self, position: float) -> None:
        """Start moving to `position`. Limits are checked already."""
        with device_errors(f"{self.name} does not go to {position:g} {self.unit}"):
            self.send_um(self._opened(), self._label, position * self._scale)

    def stop(self) -> None:
        """Stop at once."""
        with device_errors(f"{self.name} cannot be stopped"):
            self._opened().stop(self._label)

    def home(self) -> None:
        """Look for the reference position. Raises DeviceError where the stage has none."""
        with device_errors(f"{self.name} has no reference position to look for"):
            self._opened().home(self._label)

    def settings(self) -> tuple[Setting, ...]:
        """Return the properties of the stage, but for its position, which is moved to within limits."""
        every = device_settings(self._opened(), self._label)
        return tuple(setting for setting in every if setting.name not in _MOVING)

    def set(self, name: str, value: SettingValue) -> None:
        """Set a property. Raises DeviceError."""
        core = self._opened()
        known = next((setting for setting in self.settings() if setting.name == name), None)
        if known is None:
            raise DeviceError(f"{self.name} has no setting {name!r}")
        if (refusal := known.why_not(value)) is not None:
            raise DeviceError(refusal)
        with device_errors(
            f"{self.name} refuses {name} = {value!r}{allowed_values(core, self._label, name)}"
        ):
            core.setProperty(self._label, name, text_of(value))

    def _opened(self) -> CMMCorePlus:
        if self._core is None:
            raise DeviceError(f"{self.name} is not open")
        return self._core


def _where(context: MotorContext) -> str:
    return f"motors.{context.motor.name}.settings"
