"""Real motors processes with real shared memory, without the rest of the line."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from magscope_app.config import Config
from magscope_app.datatypes import Session
from magscope_app.messages import Message, MotorChanged, MotorsReady, MotorState, MotorStatus, StopMotors
from magscope_app.processes.children import Children
from magscope_app.processes.controllers import motor_processes
from magscope_app.processes.handles import make_handles
from magscope_app.processes.segments import Segments, matrix_shapes

_Kind = TypeVar("_Kind", bound=Message)
WAIT_S = 20.0


class MotorsRig:
    """The motors processes of a config, and what they say."""

    def __init__(self, config: Config) -> None:
        context = multiprocessing.get_context("spawn")
        self.session = Session.create()
        shapes = matrix_shapes(config)
        self.start_ns = time.perf_counter_ns()
        self.handles = make_handles(context, config, self.session, self.start_ns, shapes)
        self.segments = Segments(self.handles, shapes)
        self.children = Children(context, self.handles)
        self.owners = {
            entry.name: process for process, entries in motor_processes(config).items() for entry in entries
        }
        self.said: list[Message] = []
        self.mark = 0
        try:
            self.children.start(motor_processes(config))
            self.until(lambda: len(self.of(MotorsReady)) == len(set(self.owners.values())))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.children.end_all()
        self.segments.close()
        self.session.close()

    def send(self, motor: str, message: Message) -> None:
        """Send to the process of an axis; what is asked for afterwards is what was said after this."""
        self.listen()
        self.mark = len(self.said)
        self.children.send(self.owners[motor], message)

    def stop(self) -> None:
        self.listen()
        self.mark = len(self.said)
        for process in set(self.owners.values()):
            self.children.send(process, StopMotors())

    def listen(self) -> None:
        for child in self.children:
            self.said += child.messages()

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the messages of a kind since the last `send`."""
        self.listen()
        return [message for message in self.said[self.mark :] if isinstance(message, kind)]

    def states(self, motor: str) -> list[MotorState]:
        """Return the states of an axis since the last `send`."""
        return [status.state for status in self.statuses(motor)]

    def statuses(self, motor: str) -> list[MotorStatus]:
        """Return what was said of an axis since the last `send`."""
        return [said.status for said in self.of(MotorChanged) if said.status.name == motor]

    def text(self, motor: str) -> str:
        """Return the last that was said of an axis."""
        return self.statuses(motor)[-1].text

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.said[self.mark :]
            self.children.wait(0.01)

    def until_state(self, motor: str, state: MotorState) -> None:
        """Wait until an axis is in a state, since the last `send`."""
        self.until(lambda: bool(self.states(motor)) and self.states(motor)[-1] == state)

    def rows(self, motor: str, count: int = 1) -> npt.NDArray[np.float64]:
        """Return the newest telemetry."""
        telemetry = self.handles.telemetry(motor)
        try:
            return telemetry.newest(count)
        finally:
            telemetry.close()

    def next_row(self, motor: str) -> npt.NDArray[np.float64]:
        """Return a row that was written after now."""
        now_ns = time.perf_counter_ns() - self.start_ns
        self.until(lambda: bool(len(self.rows(motor))) and self.rows(motor)[0, 0] > now_ns)
        row: npt.NDArray[np.float64] = self.rows(motor)[0]
        return row
