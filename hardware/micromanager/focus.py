"""Any single-axis stage of Micro-Manager as the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hardware.micromanager.available import NEEDS, why_no_micromanager
from hardware.micromanager.core import PROCESS_CORE, CoreHost, allowed_values, device_errors, text_of
from hardware.micromanager.description import DeviceDescription, describe, description_problems
from hardware.micromanager.properties import device_settings
from magscope_app.devices import DeviceError, Motor, MotorContext, Setting, SettingValue
from magscope_app.errors import Problem

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

_NM_PER_UM = 1000.0
_POSITION = "Position"


class MicroManagerFocus(Motor):
    """A stage of Micro-Manager; its micrometres are nanometres here.

    Settings in the config: `adapter`, `device`, `label`, `properties`.

    Parameters
    ----------
    context : MotorContext
        The config.
    host : CoreHost
        The core to live in, shared with the other axes of the process.
    """

    needs: ClassVar[str] = NEEDS
    unit: ClassVar[str] = "nm"

    def __init__(self, context: MotorContext, host: CoreHost = PROCESS_CORE) -> None:
        super().__init__(context)
        self._host = host
        self._label = ""
        self._core: CMMCorePlus | None = None

    @classmethod
    def why_unavailable(cls) -> str | None:
        """Say why Micro-Manager cannot be used here, or return None; no core is made."""
        return why_no_micromanager()

    @classmethod
    def problems(cls, context: MotorContext) -> tuple[Problem, ...]:
        """Return what is wrong with this motor's entry; no device is loaded."""
        motor = context.motor
        found = description_problems(DeviceDescription, _where(context), motor.settings)
        if motor.speed is not None:
            what = "Micro-Manager has no common setting for a stage's speed"
            found += (
                Problem(
                    f"motors.{motor.name}.speed",
                    what,
                    "remove it, and set the device's own in settings.properties",
                ),
            )
        return found

    def open(self) -> None:
        """Load the stage without moving it. Raises DeviceError."""
        if self._core is not None:
            return
        description = describe(DeviceDescription, _where(self.context), self.context.motor.settings)
        label = description.label or self.name
        self._core = self._host.acquire(label, description)
        self._label = label
        try:
            self.position()
        except DeviceError as error:
            self.close()
            raise DeviceError(
                f"{description.device} of {description.adapter} is not a single-axis stage ({error})"
            ) from error

    def close(self) -> None:
        """Unload the stage; the core goes with its last device."""
        if self._core is not None:
            self._host.release(self._label)
        self._core = None

    def position(self) -> float:
        """Return where the stage is, nm."""
        with device_errors(f"{self.name} does not tell its position"):
            return float(self._opened().getPosition(self._label)) * _NM_PER_UM

    def is_moving(self) -> bool:
        """Return True while the stage says that it is busy."""
        with device_errors(f"{self.name} does not answer"):
            return bool(self._opened().deviceBusy(self._label))

    def start_move(self, position: float) -> None:
        """Start moving to `position`, nm. Limits are checked already."""
        with device_errors(f"{self.name} does not go to {position:g} nm"):
            self._opened().setPosition(self._label, position / _NM_PER_UM)

    def stop(self) -> None:
        """Stop at once."""
        with device_errors(f"{self.name} cannot be stopped"):
            self._opened().stop(self._label)

    def home(self) -> None:
        """Look for the reference position. Raises DeviceError where the stage has none."""
        with device_errors(f"{self.name} has no reference position to look for"):
            self._opened().home(self._label)

    def device_limits(self) -> tuple[float, float]:
        """Return the limits of the stage's property Position where it has them, nm."""
        core, label = self._opened(), self._label
        if not core.hasProperty(label, _POSITION) or not core.hasPropertyLimits(label, _POSITION):
            return super().device_limits()
        low, high = core.getPropertyLowerLimit(label, _POSITION), core.getPropertyUpperLimit(label, _POSITION)
        return low * _NM_PER_UM, high * _NM_PER_UM

    def settings(self) -> tuple[Setting, ...]:
        """Return the properties of the stage, but for its position, which is moved to within limits."""
        every = device_settings(self._opened(), self._label)
        return tuple(setting for setting in every if setting.name != _POSITION)

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
