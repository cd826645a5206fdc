"""The experiment process: runs protocols on an engine, beside the line."""

from __future__ import annotations

import logging

from magscope_app.engine import EventExecuted, ExecutionEngine, ExecutionFuture
from magscope_app.errors import MagscopeError
from magscope_app.experiment.microscope import Microscope
from magscope_app.experiment.news import News
from magscope_app.experiment.protocol import Protocol
from magscope_app.messages import (
    AbortProtocol,
    CommandRefused,
    Message,
    ProcessReady,
    ProtocolEnded,
    Shutdown,
    StopProtocol,
    SubmitProtocol,
)
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link
from magscope_app.processes.load_function import load_function
from magscope_app.processes.sweeps import Sweeps

_log = logging.getLogger(__name__)
_LISTEN_S = 0.1
#: A protocol that is told to end has so long.
_END_S = 0.8


def run(link: Link, handles: Handles) -> None:
    """Run what is submitted until told to end."""
    with ExecutionEngine() as engine:
        loop = _ExperimentLoop(link, handles, engine)
        try:
            loop.run()
        except Exception:
            # Nobody is to take the end of the process for the end of its protocols.
            loop.forget()
            raise
        finally:
            engine.shutdown(_END_S)
            loop.close()


class _ExperimentLoop:
    def __init__(self, link: Link, handles: Handles, engine: ExecutionEngine) -> None:
        self._link = link
        self._handles = handles
        self._engine = engine
        self._microscope = Microscope(handles, link.send, News(), engine)
        self._protocols: dict[str, tuple[Protocol, ExecutionFuture]] = {}
        self._sweeps = Sweeps(handles, engine, self._microscope, link.send)
        self._ending = False
        engine.subscribe(self._on_executed, EventExecuted)

    def run(self) -> None:
        self._link.send(ProcessReady("experiment"))
        while not self._ending:
            message = self._link.receive(_LISTEN_S)
            while message is not None:
                self._handle(message)
                message = self._link.receive()

    def forget(self) -> None:
        self._protocols.clear()

    def close(self) -> None:
        self._sweeps.close()
        self._microscope.close()

    def _handle(self, message: Message) -> None:
        match message:
            case SubmitProtocol(function):
                self._submit(function)
            case StopProtocol(function) if function in self._protocols:
                self._protocols[function][1].stop()
            case AbortProtocol(function) if function in self._protocols:
                self._protocols[function][1].abort()
            case StopProtocol(function) | AbortProtocol(function):
                self._link.send(CommandRefused("experiment", f"the protocol {function} is not running"))
            case Shutdown():
                self._ending = True
            case _ if self._sweeps.handle(message, self._busy()):
                pass
            case _:
                self._microscope.hear(message)

    def _busy(self) -> str:
        """Say which protocol is running or waiting, if one is."""
        return f"the protocol {next(iter(self._protocols))} is running" if self._protocols else ""

    def _submit(self, name: str) -> None:
        if name in self._protocols:
            self._link.send(CommandRefused("experiment", f"the protocol {name} is running already"))
            return
        try:
            function = load_function(name, self._handles.config.drivers.path)
            protocol = Protocol(name, function, self._microscope)
            self._protocols[name] = protocol, self._engine.submit(protocol)
        except MagscopeError as error:
            self._link.send(ProtocolEnded(name, str(error)))

    def _on_executed(self, notification: object) -> None:
        assert isinstance(notification, EventExecuted)
        self._sweeps.on_executed(notification.event, notification.exception)
        for name, (protocol, _) in list(self._protocols.items()):
            if protocol is notification.event:
                del self._protocols[name]
                self._link.send(ProtocolEnded(name, _said(notification.exception)))


def _said(error: BaseException | None) -> str:
    if error is None:
        return ""
    return str(error) if isinstance(error, MagscopeError) else f"{type(error).__name__}: {error}"
