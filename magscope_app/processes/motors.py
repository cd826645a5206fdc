"""A motors process: moves the axes of one controller and writes their positions; nothing moves by itself."""

from __future__ import annotations

from magscope_app.messages import Shutdown
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, LinkClosed
from magscope_app.processes.motor_host import MotorHost

#: Without a message, the drivers are looked after this often.
LOOK_S = 0.1


def run(link: Link, handles: Handles) -> None:
    """Open the axes, obey commands, write telemetry; stop every axis on every way out."""
    host = MotorHost(link.send, handles)
    try:
        _listen(link, host)
    finally:
        host.close()


def _listen(link: Link, host: MotorHost) -> None:
    while True:
        try:
            message = link.receive(LOOK_S)
        except LinkClosed:
            host.stop_all()
            raise
        if isinstance(message, Shutdown):
            return
        if message is not None:
            host.take(message)
        host.watch()
