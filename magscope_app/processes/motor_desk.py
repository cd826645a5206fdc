"""The supervisor's view of the axes: who owns which, how each is, and to whom a command goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from typing import Any

from magscope_app.config import Config
from magscope_app.errors import MagscopeError
from magscope_app.messages import (
    Fault,
    HomeMotor,
    JogMotor,
    Message,
    MotorChanged,
    MotorInfo,
    MotorsReady,
    MotorStatus,
    MoveMotor,
    RampForce,
    ReconnectMotor,
    SetForce,
    StopMotors,
)
from magscope_app.processes.children import Children
from magscope_app.processes.controllers import CAMERA, motor_processes

#: Commands to one axis.
MOTOR_COMMANDS = (MoveMotor, JogMotor, HomeMotor, ReconnectMotor, SetForce, RampForce, Fault)


class CommandImpossible(MagscopeError):
    """Nobody can carry out a command; the text says why."""


class MotorDesk:
    """Knows every axis of the config and passes commands on.

    Parameters
    ----------
    config : Config
        Names the axes.
    children : Children
        The processes.
    tell : callable
        Tells window and experiment.
    log : callable
        Takes level and text for the user.
    keep : callable
        Takes kind and fields of an event for the running dataset.
    """

    def __init__(
        self,
        config: Config,
        children: Children,
        tell: Callable[[Message], None],
        log: Callable[[int, str], None],
        keep: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._config = config
        self._children = children
        self._tell, self._log, self._keep = tell, log, keep
        owned = motor_processes(config)
        self._processes = tuple(owned)
        self._owners = {entry.name: process for process, entries in owned.items() for entry in entries}
        self._infos: dict[str, MotorInfo] = {}
        self._lost: set[str] = set()
        self._statuses = {motor.name: MotorStatus(motor.name, "closed") for motor in config.motors}

    @property
    def infos(self) -> tuple[MotorInfo, ...]:
        """The axes that are, or were, open, in the order of the config."""
        return tuple(self._infos[name] for name in self._statuses if name in self._infos)

    @property
    def statuses(self) -> tuple[MotorStatus, ...]:
        """How every axis is, in the order of the config."""
        return tuple(self._statuses.values())

    @property
    def unwell(self) -> list[str]:
        """What is wrong with the axes now."""
        return [status.text for status in self._statuses.values() if not status.is_well]

    def state(self) -> list[Message]:
        """Return all that is known, for a process that starts late."""
        return [MotorsReady(self.infos), *(MotorChanged(status) for status in self._statuses.values())]

    # --- what the motors processes say -------------------------------------------------------

    def on_ready(self, message: MotorsReady) -> None:
        """Take in what one process says about its axes, and tell everyone about all."""
        self._infos |= {info.name: info for info in message.motors}
        self._tell(MotorsReady(self.infos))

    def on_changed(self, message: MotorChanged) -> None:
        """Say and keep what became of an axis."""
        status = message.status
        before = self._statuses[status.name]
        self._statuses[status.name] = status
        self._tell(message)
        came_back = status.state == "ready" and status.name in self._lost
        if status.state == "lost":
            self._lost.add(status.name)
        if status.text:
            self._log(logging.INFO if status.is_well else logging.ERROR, status.text)
        if came_back:
            self._lost.remove(status.name)
            self._log(logging.INFO, f"{status.name} is ready again")
        if status.text or came_back or not before.is_well:
            self._keep("motor", {"motor": status.name, "state": status.state, "text": status.text})

    def on_death(self, process: str) -> None:
        """Note what has become of the axes of a process that ended unasked."""
        for name, owner in self._owners.items():
            if owner == process:
                text = f"{name} is not driven any more: its process has ended"
                self.on_changed(MotorChanged(MotorStatus(name, "lost", text)))

    # --- commands ----------------------------------------------------------------------------

    def stop_all(self) -> None:
        """Stop every axis at once."""
        for process in self._processes:
            self._children.send(process, StopMotors())

    def command(self, message: Message, returning: Container[str]) -> None:
        """Pass a command on to the process that owns the axis; reconnecting starts that again if need be.

        Parameters
        ----------
        message : Message
            One of `MOTOR_COMMANDS`.
        returning : container of str
            Processes that are being started again without being asked.

        Raises
        ------
        CommandImpossible
            There is no such axis, or its process is not running.
        """
        owner = self._owner(message)
        if self._children.alive(owner):
            self._children.send(owner, message)
        elif owner in returning:
            raise CommandImpossible(f"the {owner} process is being started again; wait until it runs")
        elif owner == CAMERA:
            raise CommandImpossible("the axis lives in the camera process, which is not running; start again")
        elif isinstance(message, ReconnectMotor):
            self._children.start([owner])
        else:
            raise CommandImpossible(f"the {owner} process is not running; reconnect the axis to start it")

    def _owner(self, command: Message) -> str:
        if isinstance(command, SetForce | RampForce):
            magnet = self._config.motor_with_role("magnet_height")
            if magnet is None:
                raise CommandImpossible("the config has no motor with the role magnet_height; add it")
            return self._owners[magnet.name]
        name = command.device if isinstance(command, Fault) else str(getattr(command, "motor", ""))
        if name not in self._owners:
            known = ", ".join(self._owners) or "none"
            raise CommandImpossible(f"there is no motor {name!r}; there is: {known}")
        return self._owners[name]
