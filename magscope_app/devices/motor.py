"""What a motor is: one axis that can be moved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from magscope_app.devices.context import MotorContext
from magscope_app.devices.errors import DeviceError, LimitError
from magscope_app.devices.setting import Setting, SettingValue
from magscope_app.errors import Problem


class Motor(ABC):
    """One axis. Opening it never moves it; homing happens only on command.

    A driver implements the abstract methods; `move_to` checks the limits before anything is sent.
    All methods are called from one thread.

    Parameters
    ----------
    context : MotorContext
        The config, this axis's entry in it, and what the engine offers.
    """

    #: Unit of positions: "nm", "um", "mm", "turns" or "deg".
    unit: ClassVar[str] = "mm"
    #: Shared matrices the driver needs: name to (rows, columns).
    shared_matrices: ClassVar[Mapping[str, tuple[int, int]]] = {}

    def __init__(self, context: MotorContext) -> None:
        self.context = context
        self.name = context.motor.name

    @classmethod
    def problems(cls, context: MotorContext) -> tuple[Problem, ...]:  # noqa: ARG003 - drivers use it
        """Return what is wrong with the config, without opening or moving anything."""
        return ()

    @abstractmethod
    def open(self) -> None:
        """Connect, without moving. Raises DeviceError."""

    @abstractmethod
    def close(self) -> None:
        """Release the axis. May be called at any time, more than once."""

    @abstractmethod
    def position(self) -> float:
        """Return where the axis is, in its unit."""

    @abstractmethod
    def is_moving(self) -> bool:
        """Return True while the axis moves."""

    @abstractmethod
    def start_move(self, position: float) -> None:
        """Start moving to `position` and return at once. Limits are checked already."""

    @abstractmethod
    def stop(self) -> None:
        """Stop at once, wherever the axis is."""

    def home(self) -> None:
        """Look for the reference position. Raises DeviceError where the axis has none."""
        raise DeviceError(f"{self.name} has no reference position to look for")

    def device_limits(self) -> tuple[float, float]:
        """Return the limits that the device itself keeps, in its unit."""
        return (float("-inf"), float("inf"))

    def settings(self) -> tuple[Setting, ...]:
        """Return the settings with their values now."""
        return ()

    def set(self, name: str, value: SettingValue) -> None:
        """Change a setting. Raises DeviceError."""
        raise DeviceError(f"{self.name} has no setting {name!r} to give the value {value!r}")

    def cause_fault(
        self,
        kind: str,
        *,
        duration_s: float | None = None,  # noqa: ARG002 - simulated devices use them
        count: int = 1,  # noqa: ARG002
        at_position: float | None = None,  # noqa: ARG002
    ) -> None:
        """Let a simulated axis go wrong, to practise; no other has faults on demand.

        Parameters
        ----------
        kind : str
            What goes wrong, as in ``simulation.faults``.
        duration_s : float, optional
            How long.
        count : int
            How many frames.
        at_position : float, optional
            Where, in the unit of an axis.

        Raises
        ------
        DeviceError
            It cannot go wrong in this way.
        """
        raise DeviceError(f"{self.name} is not simulated: {kind} does not happen on demand")

    @property
    def limits(self) -> tuple[float, float]:
        """The narrower of the device's and the config's limits, in the axis's unit."""
        low, high = self.device_limits()
        motor = self.context.motor
        if motor.limits is not None:
            low, high = max(low, motor.limits[0]), min(high, motor.limits[1])
        if motor.lowest is not None:
            low = max(low, motor.lowest)
        return low, high

    def move_to(self, position: float) -> None:
        """Start moving to `position` and return at once.

        Raises
        ------
        LimitError
            `position` is outside the limits; the axis does not move.
        DeviceError
            The axis refuses.
        """
        low, high = self.limits
        if not low <= position <= high:
            raise LimitError(
                f"{self.name} cannot go to {position:g} {self.unit}: "
                f"its limits are {low:g} to {high:g} {self.unit}"
            )
        self.start_move(position)

    def move_by(self, distance: float) -> None:
        """Start moving by `distance` from where the axis is. Raises like `move_to`."""
        self.move_to(self.position() + distance)
