"""The motors process: moves axes and writes their positions; nothing moves by itself."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import numpy as np

from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices import DeviceError, Motor, MotorContext
from magscope_app.devices.lookup import load_driver
from magscope_app.messages import (
    CommandRefused,
    HomeMotor,
    JogMotor,
    Message,
    MotorInfo,
    MotorsReady,
    MoveMotor,
    Shutdown,
    StopMotors,
)
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, LinkClosed

_log = logging.getLogger(__name__)
#: Positions are on target when they are this close, as a fraction of the range of a move or 1.
_TOLERANCE = 1e-3


@dataclass
class _Axis:
    motor: Motor
    telemetry: MatrixBuffer
    period_ns: int
    target: float
    due_ns: int = field(default_factory=time.perf_counter_ns)


def run(link: Link, handles: Handles) -> None:
    """Open all axes, obey commands, write telemetry; stop every axis on every way out."""
    loop = _MotorsLoop(link, handles)
    try:
        loop.open()
        loop.run()
    finally:
        loop.close()


class _MotorsLoop:
    def __init__(self, link: Link, handles: Handles) -> None:
        self._link = link
        self._handles = handles
        self._axes: dict[str, _Axis] = {}
        self._ending = False

    def open(self) -> None:
        config = self._handles.config
        for entry in config.motors:
            driver = load_driver(entry.driver, Motor, config.drivers.path)
            motor = driver(MotorContext(config=config, motor=entry, shared_matrix=self._handles.matrix))
            telemetry = self._handles.telemetry(entry.name)
            axis = _Axis(motor, telemetry, int(1e9 / entry.telemetry_hz), 0.0)
            self._axes[entry.name] = axis
            motor.open()
            axis.target = motor.position()
        infos = (
            MotorInfo(name, axis.motor.context.motor.role, axis.motor.unit, axis.motor.limits)
            for name, axis in self._axes.items()
        )
        self._link.send(MotorsReady(tuple(infos)))

    def run(self) -> None:
        while not self._ending:
            try:
                self._listen()
            except LinkClosed:
                self._stop_all()
                raise
            self._write_telemetry()

    def close(self) -> None:
        for axis in self._axes.values():
            try:
                if axis.motor.is_moving():
                    axis.motor.stop()
            except DeviceError as error:
                _log.error("%s could not be stopped: %s", axis.motor.name, error)
            axis.motor.close()
            axis.telemetry.close()

    def _listen(self) -> None:
        now_ns = time.perf_counter_ns()
        due_ns = min((axis.due_ns for axis in self._axes.values()), default=now_ns + 200_000_000)
        message = self._link.receive(max(0.0, (due_ns - now_ns) * 1e-9))
        while message is not None:
            try:
                self._handle(message)
            except DeviceError as error:
                token = message.token if isinstance(message, MoveMotor) else 0
                self._link.send(CommandRefused("motors", str(error), token))
            message = self._link.receive()

    def _handle(self, message: Message) -> None:
        match message:
            case MoveMotor(name, position, _):
                axis = self._axis(name)
                axis.motor.move_to(position)
                axis.target = position
            case JogMotor(name, distance):
                axis = self._axis(name)
                position = axis.target + distance
                axis.motor.move_to(position)
                axis.target = position
            case HomeMotor(name):
                self._axis(name).motor.home()
            case StopMotors():
                self._stop_all()
            case Shutdown():
                self._ending = True
            case _:
                _log.warning("the motors process cannot handle %s", type(message).__name__)

    def _axis(self, name: str) -> _Axis:
        axis = self._axes.get(name)
        if axis is None:
            raise DeviceError(f"there is no motor {name!r}; there is: {', '.join(self._axes) or 'none'}")
        return axis

    def _stop_all(self) -> None:
        for axis in self._axes.values():
            axis.motor.stop()
            axis.target = axis.motor.position()

    def _write_telemetry(self) -> None:
        now_ns = time.perf_counter_ns()
        for axis in self._axes.values():
            if axis.due_ns > now_ns:
                continue
            axis.due_ns = max(axis.due_ns + axis.period_ns, now_ns)
            position = axis.motor.position()
            moving = axis.motor.is_moving()
            at_target = not moving and abs(position - axis.target) <= _TOLERANCE * max(1.0, abs(axis.target))
            t_ns = time.perf_counter_ns() - self._handles.session_start_ns
            axis.telemetry.write(np.array([[t_ns, position, axis.target, moving, at_target]], np.float64))
