"""Axes in the camera's process, for devices that share a controller or a core with the camera."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from magscope_app.messages import (
    Fault,
    HomeMotor,
    JogMotor,
    Message,
    MoveMotor,
    RampForce,
    ReconnectMotor,
    SetForce,
    Shutdown,
    StopMotors,
)
from magscope_app.processes.controllers import CAMERA, motor_processes
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, Messenger
from magscope_app.processes.motor_host import MotorHost
from magscope_app.processes.motors import LOOK_S

_FOR_AXES = (MoveMotor, JogMotor, HomeMotor, ReconnectMotor, SetForce, RampForce, StopMotors)
_END_S = 1.0
#: A thread that computes lets the others have a turn after this; the usual 5 ms delay each step of a stop.
_TURN_S = 0.001


@contextmanager
def axes_beside(link: Link, handles: Handles) -> Iterator[Messenger]:
    """Serve the axes that live in the camera's process, if there are any; lend the camera its messages."""
    if CAMERA not in motor_processes(handles.config):
        yield link
        return
    with AxesBeside(link, handles) as messages:
        yield messages


class AxesBeside:
    """A thread listens to the supervisor: what is for an axis goes to its host, the rest to the camera.

    A frame never waits for an axis, nor a stop for a frame.

    Parameters
    ----------
    link : Link
        To the supervisor.
    handles : Handles
        Of the camera's process.
    """

    def __init__(self, link: Link, handles: Handles) -> None:
        self._link = link
        self._for_camera: queue.SimpleQueue[Message | Exception] = queue.SimpleQueue()
        self._ending = False
        sys.setswitchinterval(_TURN_S)
        self._host = MotorHost(link.send, handles)
        self._thread = threading.Thread(target=self._listen, name="axes-beside", daemon=True)
        self._thread.start()

    def __enter__(self) -> AxesBeside:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending = True
        self._thread.join(_END_S)
        self._host.close()

    def send(self, message: Message) -> None:
        """Say something to the supervisor."""
        self._link.send(message)

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        """Return the camera's next message, or None. Raises LinkClosed, and what ended the axes."""
        # A camera that hangs gives no sign of life, whoever else listens in its process.
        self._link.beat()
        try:
            received = self._for_camera.get(timeout=timeout_s) if timeout_s else self._for_camera.get_nowait()
        except queue.Empty:
            return None
        if isinstance(received, Exception):
            raise received
        return received

    def _listen(self) -> None:
        try:
            while not self._ending:
                message = self._link.receive(LOOK_S, beats=False)
                if message is not None:
                    self._pass_on(message)
                if isinstance(message, Shutdown):
                    return
                self._host.watch()
        except Exception as error:  # noqa: BLE001 - raised again in the camera's thread
            self._host.stop_all()
            self._for_camera.put(error)

    def _pass_on(self, message: Message) -> None:
        of_axis = isinstance(message, Fault) and message.device in self._host.names
        if of_axis or isinstance(message, _FOR_AXES):
            self._host.take(message)
        else:
            self._for_camera.put(message)
