"""What is said to and by the motors processes; `magscope_app.messages` has these, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from magscope_app.messages.base import Message


@dataclass(frozen=True, slots=True)
class MotorInfo:
    """What is known of an axis once it is open."""

    name: str
    role: str
    unit: str
    limits: tuple[float, float]


#: What an axis is doing. A move that did not arrive leaves "error", which the next command ends; an axis
#: that does not answer is "lost" until it is reconnected.
MotorState = Literal["closed", "opening", "ready", "moving", "error", "lost"]


@dataclass(frozen=True, slots=True)
class MotorStatus:
    """State of an axis; the text says what happened, and what to do, where there is something to say."""

    name: str
    state: MotorState
    text: str = ""

    @property
    def is_well(self) -> bool:
        """False after an error, and while the axis does not answer."""
        return self.state not in ("error", "lost")


@dataclass(frozen=True, slots=True)
class MoveMotor(Message):
    """Move an axis to a position in its unit; `token` comes back with a refusal."""

    motor: str
    position: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class JogMotor(Message):
    """Move an axis by a distance in its unit; `token` comes back with a refusal."""

    motor: str
    distance: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class HomeMotor(Message):
    """Look for an axis's reference position; `token` comes back with a refusal."""

    motor: str
    token: int = 0


@dataclass(frozen=True, slots=True)
class ReconnectMotor(Message):
    """Close an axis and open it anew, without moving it; `token` comes back with a refusal."""

    motor: str
    token: int = 0


@dataclass(frozen=True, slots=True)
class SetForce(Message):
    """Move the magnets to where the force is this; `token` comes back with a refusal."""

    force_pn: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class RampForce(Message):
    """Move the magnets so that the force goes from what it is to this at a constant loading rate (> 0)."""

    force_pn: float
    rate_pn_s: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class StopMotors(Message):
    """Stop all axes at once."""


@dataclass(frozen=True, slots=True)
class MotorsReady(Message):
    """The axes are open."""

    motors: tuple[MotorInfo, ...]


@dataclass(frozen=True, slots=True)
class MotorChanged(Message):
    """An axis is in another state, or something else is to be said about it."""

    status: MotorStatus


@dataclass(frozen=True, slots=True)
class Fault(Message):
    """Let a simulated device ("camera", or a motor) go wrong now: a kind of ``simulation.faults``."""

    device: str
    fault: str
    duration_s: float | None = None
    count: int = 1
    at_position: float | None = None
    token: int = 0


@dataclass(frozen=True, slots=True)
class FaultCaused(Message):
    """The device goes wrong as it was told to."""

    device: str
    token: int = 0
