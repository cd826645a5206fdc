"""The axes that live in one process: opened, told what to do, stopped, released."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from magscope_app.config import MotorConfig
from magscope_app.devices import DeviceError, DeviceLost, Motor, MotorContext
from magscope_app.devices.force import ForceCalibration, force_calibration
from magscope_app.devices.lookup import load_driver
from magscope_app.messages import (
    CommandRefused,
    Fault,
    FaultCaused,
    HomeMotor,
    JogMotor,
    Message,
    MotorsReady,
    MoveMotor,
    RampForce,
    ReconnectMotor,
    SetForce,
    StopMotors,
)
from magscope_app.processes.axis import Axis
from magscope_app.processes.controllers import motor_processes
from magscope_app.processes.handles import Handles
from magscope_app.processes.motor_worker import MotorWorker

_log = logging.getLogger(__name__)


class MotorHost:
    """The axes of one process: takes commands and stops; a `MotorWorker` talks to the drivers meanwhile.

    Parameters
    ----------
    send : callable
        Takes what is to be said to the supervisor, from any thread.
    handles : Handles
        Name the process and its axes.
    """

    def __init__(self, send: Callable[[Message], None], handles: Handles) -> None:
        self._send = send
        self._handles = handles
        config = handles.config
        entries = motor_processes(config)[handles.process]
        self._force: ForceCalibration | None = force_calibration(config.force)
        self._telemetry = {entry.name: handles.telemetry(entry.name) for entry in entries}
        self._axes = {entry.name: self._axis(entry) for entry in entries}
        self._magnet = next((entry.name for entry in entries if entry.role == "magnet_height"), None)
        self._worker = MotorWorker(tuple(self._axes.values()))
        for axis in self._axes.values():
            self._worker.submit(axis.open)
        self._worker.submit(self._announce)

    def _axis(self, entry: MotorConfig) -> Axis:
        config = self._handles.config
        driver = load_driver(entry.driver, Motor, config.drivers.path)

        def make() -> Motor:
            return driver(MotorContext(config=config, motor=entry, shared_matrix=self._handles.matrix))

        handles, telemetry = self._handles, self._telemetry[entry.name]
        start_ns, anew = handles.session_start_ns, handles.restarted
        return Axis(entry.name, make, telemetry, start_ns, self._send, anew=anew)

    @property
    def names(self) -> tuple[str, ...]:
        """The axes that live here."""
        return tuple(self._axes)

    def stop_all(self) -> None:
        """Stop every axis at once."""
        self._worker.stop_all()

    def watch(self) -> None:
        """Look whether the drivers answer. Raises what ended the thread that talks to them."""
        self._worker.watch()

    def take(self, message: Message) -> None:
        """Carry out a command; returns at once."""
        if isinstance(message, StopMotors):
            self._worker.stop_all()
        else:
            self._submit(message)

    def close(self) -> None:
        """Stop and release every axis."""
        self._worker.stop_all()
        left = self._worker.end()
        if left:
            why = "; ".join(axis.hangs() for axis in left if axis.is_called)
            names = ", ".join(axis.name for axis in left)
            _log.error("%s; not closed: %s; switch off and on before they are used again", why, names)
            return
        for telemetry in self._telemetry.values():
            telemetry.close()

    def _submit(self, message: Message) -> None:
        token = getattr(message, "token", 0)
        if isinstance(message, ReconnectMotor):
            self._worker.submit(partial(self._obey, message, token))
        else:
            text = "the motors were told to stop before they set off"
            self._worker.submit(partial(self._obey, message, token), partial(self._refuse, text, token))

    def _obey(self, message: Message, token: int) -> None:
        try:
            self._action(message)()
        except DeviceLost:
            # The axis has said so itself.
            return
        except DeviceError as error:
            self._refuse(str(error), token)

    def _action(self, message: Message) -> Callable[[], None]:
        match message:
            case MoveMotor(name, position, _):
                return partial(self._known(name).move, position)
            case JogMotor(name, distance, _):
                return partial(self._known(name).jog, distance)
            case HomeMotor(name, _):
                return self._known(name).home
            case ReconnectMotor(name, _):
                return partial(self._reconnect, self._known(name))
            case Fault():
                return partial(self._cause_fault, self._known(message.device), message)
            case SetForce(force_pn, _):
                return partial(self._known(self._magnet).set_force, self._calibration(), force_pn)
            case RampForce(force_pn, rate_pn_s, _):
                return partial(self._known(self._magnet).ramp_force, self._calibration(), force_pn, rate_pn_s)
            case _:
                raise DeviceError(f"the motors process cannot handle {type(message).__name__}")

    def _known(self, name: str | None) -> Axis:
        axis = self._axes.get(name or "")
        if axis is None:
            raise DeviceError(f"there is no motor {name!r} here; there is: {', '.join(self._axes)}")
        return axis

    def _calibration(self) -> ForceCalibration:
        if self._force is None:
            raise DeviceError("the config has no [force], so no force can be set; add a model or a table")
        return self._force

    def _reconnect(self, axis: Axis) -> None:
        axis.open()
        self._announce()

    def _cause_fault(self, axis: Axis, fault: Fault) -> None:
        axis.cause_fault(fault)
        self._send(FaultCaused(fault.device, fault.token))

    def _announce(self) -> None:
        """Say which axes are open, with their limits."""
        infos = tuple(axis.info for axis in self._axes.values() if axis.info is not None)
        self._send(MotorsReady(infos))

    def _refuse(self, text: str, token: int) -> None:
        self._send(CommandRefused(self._handles.process, text, token))
