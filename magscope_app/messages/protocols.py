"""Protocols."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.messages.base import Message


@dataclass(frozen=True, slots=True)
class SubmitProtocol(Message):
    """Run a protocol, a function ``"module:function"`` that takes a Microscope, after those that wait."""

    function: str


@dataclass(frozen=True, slots=True)
class StopProtocol(Message):
    """Let a protocol end in order."""

    function: str


@dataclass(frozen=True, slots=True)
class AbortProtocol(Message):
    """Break a protocol off; the motors stop."""

    function: str


@dataclass(frozen=True, slots=True)
class ProtocolEnded(Message):
    """A protocol has ended; `error` is empty if all went well."""

    function: str
    error: str = ""
