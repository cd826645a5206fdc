"""A stage controller as it stands in a laboratory: lines of text over TCP, and things that go wrong."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from contextlib import suppress
from typing import Any


class _Server(socketserver.ThreadingTCPServer):
    """Calls its threads alike, as they belong to the controller and end with it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.workers: list[threading.Thread] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="controller"
        )
        self.workers.append(thread)
        thread.start()


class StageController:
    """Serves one axis at 127.0.0.1; docs/connect-a-motor.md has its driver.

    Parameters
    ----------
    speed : float
        mm/s.
    """

    def __init__(self, speed: float = 20.0) -> None:
        self.speed = speed
        self.log: list[str] = []
        #: The axis does not move, though it says so; it stops at a limit switch.
        self.sticks = False
        self.switch_mm: float | None = None
        self._lock = threading.Lock()
        self._start = self._target = 3.0
        self._started = 0.0
        self._answers = True
        self._connections: set[socketserver.StreamRequestHandler] = set()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="controller")
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def position(self) -> float:
        """Where the axis is."""
        with self._lock:
            return self._now()[0]

    @property
    def moving(self) -> bool:
        """Whether it moves."""
        with self._lock:
            return self._now()[1]

    def hang_up(self) -> None:
        """Close every connection and take no new one, as when it is switched off."""
        self._answers = False
        for handler in list(self._connections):
            with suppress(OSError):
                handler.connection.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Answer again."""
        self._answers = True

    def close(self) -> None:
        """End the server."""
        self.hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for worker in self._server.workers:
            worker.join()

    def _now(self) -> tuple[float, bool]:
        way = self._target - self._start
        gone = 0.0 if self.sticks else self.speed * (time.monotonic() - self._started)
        moving = gone < abs(way)
        position = self._start + (gone if way > 0 else -gone) if moving else self._target
        if self.switch_mm is not None and position > self.switch_mm:
            return self.switch_mm, False
        return position, moving

    def _go(self, target: float) -> None:
        self._start, self._target, self._started = self._now()[0], target, time.monotonic()

    def answer(self, command: str) -> str:
        """Carry out a line and return the answer."""
        with self._lock:
            word, _, number = command.partition(" ")
            position, moving = self._now()
            if word not in ("POSITION?", "MOVING?"):
                self.log.append(command)
            match word:
                case "POSITION?":
                    return f"{position:.6f}"
                case "MOVING?":
                    return "1" if moving else "0"
                case "LIMITS?":
                    return "0 25"
                case "MOVE":
                    self._go(float(number))
                case "HOME":
                    self._go(0.0)
                case "STOP":
                    self._go(position)
                case _:
                    return "ERROR unknown"
            return "OK"

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        controller = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 20.0

            def handle(self) -> None:
                if not controller._answers:
                    return
                controller._connections.add(self)
                try:
                    for line in self.rfile:
                        if not controller._answers:
                            return
                        self.wfile.write(f"{controller.answer(line.decode().strip())}\n".encode())
                except (OSError, ValueError):
                    return
                finally:
                    controller._connections.discard(self)

        return Handler
