"""What all axes of the simulated microscope have in common."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import ClassVar

from hardware.simulated.axis_faults import AxisFaults
from hardware.simulated.world import SHARED, Axis, Trajectory, World, start_position
from magscope_app.devices import (
    DeviceError,
    DeviceLost,
    Motor,
    MotorContext,
    Setting,
    SettingKind,
    SettingValue,
)
from magscope_app.devices.numbers import apart
from magscope_app.errors import Problem

_SETTINGS = ("instant", "start")


class SimulatedAxis(Motor):
    """An axis that moves at its speed in real time and is seen by the simulated camera.

    ``settings.start`` is its position before anything moves it, ``settings.instant = true`` makes it jump.
    """

    shared_matrices: ClassVar[Mapping[str, tuple[int, int]]] = SHARED
    #: Which axis of the world it is.
    axis: ClassVar[Axis]
    #: Units per second without `speed` in the config, and the most that can be set.
    default_speed: ClassVar[float]
    fastest: ClassVar[float]
    #: Time constant with which it settles.
    settle_s: ClassVar[float] = 0.005
    #: What the axis itself can reach, in its unit.
    travel: ClassVar[tuple[float, float]]

    def __init__(self, context: MotorContext) -> None:
        super().__init__(context)
        motor = context.motor
        self._instant = bool(motor.settings.get("instant", False))
        self._speed = min(motor.speed or self.default_speed, self.fastest)
        self._world: World | None = None
        self._faults = AxisFaults(motor.name)
        # Where a stuck axis would go.
        self._wanted: float | None = None
        self._guard = threading.RLock()

    @classmethod
    def problems(cls, context: MotorContext) -> tuple[Problem, ...]:
        """Return what is wrong with the axis's entry in the config."""
        motor = context.motor
        where = f"motors.{motor.name}"
        found = [
            Problem(
                f"{where}.settings", f"there is no setting {key!r}", f"choose from {', '.join(_SETTINGS)}"
            )
            for key in motor.settings
            if key not in _SETTINGS
        ]
        if motor.role != cls.axis.name.lower():
            found.append(
                Problem(
                    f"{where}.role", f"{cls.__name__} is no {motor.role}", f"give {cls.axis.name.lower()!r}"
                )
            )
        if motor.speed is not None and motor.speed > cls.fastest:
            found.append(
                Problem(
                    f"{where}.speed",
                    f"{motor.speed:g} {cls.unit}/s is too fast",
                    f"give at most {cls.fastest:g}",
                )
            )
        if not isinstance(motor.settings.get("instant", False), bool):
            found.append(
                Problem(f"{where}.settings.instant", "is neither true nor false", "give true or false")
            )
        found.extend(cls._start_problems(context))
        found.extend(cls._switch_problems(context))
        return tuple(found)

    @classmethod
    def _switch_problems(cls, context: MotorContext) -> list[Problem]:
        return [
            Problem(f"simulation.faults.{number}.at_position", *refusal)
            for number, fault in enumerate(context.config.simulation.faults)
            if fault.device == context.motor.name and (refusal := cls._why_no_switch(fault.at_position))
        ]

    @classmethod
    def _why_no_switch(cls, at: float | None) -> tuple[str, str] | None:
        """Say why no limit switch can be at a position, and what can be done."""
        low, high = cls.travel
        if at is None or math.isnan(at) or low <= at <= high:
            return None
        given, lowest, highest = apart(at, low, high)
        beyond = f"a limit switch at {given} {cls.unit} is beyond the travel of the axis"
        return beyond, f"give {lowest} to {highest} {cls.unit}"

    @classmethod
    def _start_problems(cls, context: MotorContext) -> list[Problem]:
        where = f"motors.{context.motor.name}.settings.start"
        start = context.motor.settings.get("start")
        if start is None:
            return []
        if isinstance(start, bool) or not isinstance(start, int | float):
            return [Problem(where, f"{start!r} is no number", f"give a position in {cls.unit}")]
        low, high = cls(context).limits
        if low <= start <= high:
            return []
        given, lowest, highest = apart(start, low, high)
        return [
            Problem(
                where, f"{given} {cls.unit} is outside the limits", f"give {lowest} to {highest} {cls.unit}"
            )
        ]

    def open(self) -> None:
        """Take part in the world; the axis stays where it is."""
        config = self.context.config
        if self._world is None:
            self._world = World(config, self.context.shared_matrix)
            now_ns = time.perf_counter_ns()
            at = self._world.position(self.axis, now_ns)
            self._faults = AxisFaults(self.name, config.simulation.faults, now_ns, at)
            self._wanted = None

    def close(self) -> None:
        """Leave the world."""
        world, self._world = self._world, None
        if world is not None:
            world.close()

    def position(self) -> float:
        """Return where the axis is now. Raises DeviceLost."""
        with self._guard:
            now_ns = time.perf_counter_ns()
            return self._answer(now_ns).position(self.axis, now_ns)

    def is_moving(self) -> bool:
        """Return True until the axis has settled; a stuck one tries on and on. Raises DeviceLost."""
        with self._guard:
            now_ns = time.perf_counter_ns()
            world = self._answer(now_ns)
            return self._wanted is not None or world.move(self.axis).moving(now_ns)

    def start_move(self, position: float) -> None:
        """Set off for `position`; a limit switch on the way ends the move early.

        Raises
        ------
        DeviceLost
            The axis was disconnected.
        DeviceError
            The axis stands at a limit switch, and would have to go on.
        """
        with self._guard:
            now_ns = time.perf_counter_ns()
            start = self._answer(now_ns).position(self.axis, now_ns)
            if self._faults.switch_on_way(start, position, now_ns) == start:
                raise DeviceError(
                    f"{self.name} is at its limit switch at {start:g} {self.unit} and cannot go on to "
                    f"{position:g}: move it back"
                )
            self._wanted = None
            if self._faults.stuck(now_ns):
                self._go(start, math.inf, now_ns)
                self._wanted = position
            else:
                self._set_off(position, now_ns)

    def stop(self) -> None:
        """Stay where the axis is now. Raises DeviceLost."""
        with self._guard:
            now_ns = time.perf_counter_ns()
            world = self._answer(now_ns)
            self._wanted = None
            if world.move(self.axis).moving(now_ns):
                self._go(world.position(self.axis, now_ns), math.inf, now_ns)

    def home(self) -> None:
        """Go to where the axis was when the instrument was switched on. Raises LimitError."""
        self.move_to(self.home_position())

    def home_position(self) -> float:
        """Return where the axis was when the instrument was switched on."""
        return start_position(self.context.motor, self.axis)

    @property
    def speed(self) -> float:
        """Units per second of the next move; infinite when it jumps."""
        return math.inf if self._instant else self._speed

    def device_limits(self) -> tuple[float, float]:
        """Return how far the axis can travel."""
        return self.travel

    def settings(self) -> tuple[Setting, ...]:
        """Return speed and instant."""
        unit = f"{self.unit}/s"
        slowest = self.fastest * 1e-6
        return (
            Setting(
                "speed",
                SettingKind.FLOAT,
                self._speed,
                unit,
                (slowest, self.fastest),
                help="Speed of the next move.",
            ),
            Setting("instant", SettingKind.BOOL, self._instant, help="Jump instead of moving at the speed."),
        )

    def set(self, name: str, value: SettingValue) -> None:
        """Change a setting for the moves to come. Raises DeviceError, and DeviceLost."""
        self._answer(time.perf_counter_ns())
        setting = next((known for known in self.settings() if known.name == name), None)
        refusal = setting.why_not(value) if setting else f"there is no setting {name!r}"
        if refusal is not None:
            raise DeviceError(f"{self.name}: {refusal}")
        if name == "speed":
            self._speed = float(value)
        else:
            self._instant = bool(value)

    def cause_fault(
        self,
        kind: str,
        *,
        duration_s: float | None = None,
        count: int = 1,
        at_position: float | None = None,
    ) -> None:
        """Let something go wrong now: stuck_motor, limit_switch, disconnect."""
        if kind == "limit_switch" and (refusal := self._why_no_switch(at_position)) is not None:
            raise DeviceError(f"{self.name}: {'; '.join(refusal)}")
        with self._guard:
            now_ns = time.perf_counter_ns()
            at = self._answer(now_ns).position(self.axis, now_ns)
            self._faults.cause(kind, now_ns, at, duration_s=duration_s, at_position=at_position, count=count)

    def _answer(self, now_ns: int) -> World:
        """Let faults take their effect, and return the world. Raises DeviceLost."""
        world, faults = self._opened(), self._faults
        if faults.lost(now_ns):
            raise DeviceLost(f"{self.name} does not answer any more: it was disconnected")
        move = world.move(self.axis)
        if faults.stuck(now_ns):
            if move.moving(now_ns):
                self._go(world.position(self.axis, now_ns), math.inf, now_ns)
                self._wanted = move.target
        elif self._wanted is not None:
            target, self._wanted = self._wanted, None
            self._set_off(target, now_ns)
        elif move.moving(now_ns):
            self._heed_switch(world.position(self.axis, now_ns), move.target, now_ns)
        return world

    def _set_off(self, target: float, now_ns: int) -> None:
        if not self._heed_switch(self._opened().position(self.axis, now_ns), target, now_ns):
            self._go(target, self.speed, now_ns)

    def _heed_switch(self, start: float, target: float, now_ns: int) -> bool:
        """Go no further than a limit switch on the way; True if there is one."""
        at = self._faults.switch_on_way(start, target, now_ns)
        if at is not None:
            self._go(at, self.speed, now_ns)
        return at is not None

    def _go(self, target: float, speed: float, now_ns: int) -> None:
        world = self._opened()
        start = world.position(self.axis, now_ns)
        world.start(Trajectory(self.axis, now_ns, start, target, speed, self.settle_s))

    def _opened(self) -> World:
        if self._world is None:
            raise DeviceError(f"{self.name} is not open: open it first")
        return self._world
