"""What a motor is: one axis that can be moved."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from magscope_app.devices.context import MotorContext
from magscope_app.devices.device import Device
from magscope_app.devices.errors import DeviceError, LimitError
from magscope_app.devices.numbers import apart
from magscope_app.errors import Problem

#: How close to its target an axis counts as arrived where nobody says otherwise, by unit.
TOLERANCES: Mapping[str, float] = MappingProxyType(
    {"nm": 10.0, "um": 0.1, "mm": 0.005, "turns": 0.005, "deg": 1.0}
)
#: A move may take twice as long as at its speed and this much more; without a known speed, this long.
_SPARE_S, _UNKNOWN_S = 5.0, 60.0


class Motor(Device, ABC):
    """One axis. Opening it never moves it; homing happens only on command.

    A driver implements the abstract methods; `move_to` checks the limits before anything is sent. A move
    to a new place while the axis is on its way replaces the old one.

    All methods are called from one thread, one after the other for all axes of a controller, with one
    exception: `stop` may be called from another thread while any of them runs. `open`, `home`, `set`
    and `start_move` may therefore block (a controller that answers only when the axis has arrived); then
    `stop` must end that wait. `position` and `is_moving` are asked at the rate of the telemetry and
    must answer within a few milliseconds. A driver whose line takes one caller at a time guards each
    exchange with a lock, and does not hold it while it waits.

    Parameters
    ----------
    context : MotorContext
        The config, this axis's entry in it, and what the engine offers.
    """

    #: Unit of positions: "nm", "um", "mm", "turns" or "deg".
    unit: ClassVar[str] = "mm"

    def __init__(self, context: MotorContext) -> None:
        self.context = context
        self.name = context.motor.name
        self._target = math.nan

    @classmethod
    def problems(cls, context: MotorContext) -> tuple[Problem, ...]:  # noqa: ARG003 - drivers use it
        """Return what is wrong with the config, without opening or moving anything."""
        return ()

    @classmethod
    def controller(cls, context: MotorContext) -> str:  # noqa: ARG003 - drivers use it
        """Name the controller on which the axis hangs: axes of one controller live in one process.

        `motors.controller` of the config goes before it. By default the package, or module, of the driver.
        Axes of the controller ``"camera"`` live in the camera's process, beside its driver.
        """
        package = cls.__module__.rpartition(".")[0] or cls.__module__
        return package.rpartition(".")[2]

    @classmethod
    def claims(cls, context: MotorContext) -> tuple[str, ...]:  # noqa: ARG003 - drivers use it
        """Name what only one process can have at a time, such as ``"the port COM3"``; nothing is opened."""
        return ()

    @abstractmethod
    def open(self) -> None:
        """Connect, without moving. Raises DeviceError."""

    @abstractmethod
    def close(self) -> None:
        """Release the axis. May be called at any time, more than once; `open` may follow."""

    @abstractmethod
    def position(self) -> float:
        """Return where the axis is, in its unit. NaN and infinity count as no answer.

        Raises
        ------
        DeviceLost
            The device does not answer any more.
        """

    @abstractmethod
    def is_moving(self) -> bool:
        """Return True while the axis moves. Raises DeviceLost."""

    @abstractmethod
    def start_move(self, position: float) -> None:
        """Start moving to `position`, also from the middle of a move. Limits are checked already.

        Returns at once where the controller allows it, and then `is_moving` says when it has ended.
        """

    @abstractmethod
    def stop(self) -> None:
        """Order the axis to stop at once, wherever it is; may be called from another thread.

        It comes back within 50 ms and waits neither for the end of a move nor until the axis stands; other
        axes of the controller may be told to stop meanwhile, each from a thread of its own. Raises
        DeviceError where the axis cannot be stopped; it is then told again, as is one that still moves half a
        second later.
        """

    def home(self) -> None:
        """Look for the reference position; `is_moving` says when it has ended.

        Raises
        ------
        DeviceError
            The axis has none. A driver that has one says where in `home_position`, if it is known.
        """
        raise DeviceError(f"{self.name} has no reference position to look for")

    def home_position(self) -> float | None:
        """Return where `home` leads, in the axis's unit, or None where nobody knows before."""
        return None

    def device_limits(self) -> tuple[float, float]:
        """Return the limits that the device itself keeps, in its unit."""
        return (float("-inf"), float("inf"))

    # --- what follows from the above and from the config ---------------------------------------

    @property
    def speed(self) -> float | None:
        """Units per second of the next move, None where nobody knows; that of the config by default."""
        return self.context.motor.speed

    @property
    def tolerance(self) -> float:
        """How close to its target the axis counts as arrived, in its unit."""
        return self.context.motor.tolerance or TOLERANCES.get(self.unit, 0.01)

    @property
    def target(self) -> float:
        """Where the last move leads, in the axis's unit; NaN before the first."""
        return self._target

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

    def require_within(self, position: float) -> None:
        """Make sure that a position is allowed.

        Raises
        ------
        LimitError
            It is outside the limits, or no number.
        """
        low, high = self.limits
        if not low <= position <= high:
            wanted, lowest, highest = apart(position, low, high)
            raise LimitError(
                f"{self.name} cannot go to {wanted} {self.unit}: "
                f"its limits are {lowest} to {highest} {self.unit}"
            )

    def why_not_home(self) -> str | None:
        """Say in one sentence why the axis is not sent to its reference position, or return None."""
        home = self.home_position()
        if home is None:
            return None
        low, high = self.limits
        if low <= home <= high:
            return None
        at, lowest, highest = apart(home, low, high)
        return (
            f"the reference position of {self.name}, {at} {self.unit}, is outside its limits, "
            f"{lowest} to {highest} {self.unit}; it is not sent there unless they hold it"
        )

    def move_to(self, position: float) -> None:
        """Start moving to `position`.

        Raises
        ------
        LimitError
            `position` is outside the limits; nothing is sent, the axis does not move.
        DeviceError
            The axis refuses.
        """
        self.require_within(position)
        if math.isinf(position):
            raise LimitError(f"{self.name} cannot go to {position:g} {self.unit}: give a finite position")
        self._target = position
        self.start_move(position)

    def move_by(self, distance: float) -> None:
        """Start moving by `distance` from where the axis is. Raises like `move_to`."""
        self.move_to(self.position() + distance)

    def at_target(self, tolerance: float | None = None) -> bool:
        """Return True when the axis stands within `tolerance` (its own by default) of its target."""
        within = self.tolerance if tolerance is None else tolerance
        return not self.is_moving() and abs(self.position() - self._target) <= within

    def arrival_s(self, distance: float) -> float:
        """Return how long a move over `distance` may take; one that takes longer has failed.

        That is `motors.timeout_s` of the config, or twice the time at the axis's speed and some seconds.
        """
        if self.context.motor.timeout_s is not None:
            return self.context.motor.timeout_s
        speed = self.speed
        # Also for a driver that answers NaN.
        return 2.0 * abs(distance) / speed + _SPARE_S if speed is not None and speed > 0 else _UNKNOWN_S

    def _called(self) -> str:
        return self.name
