"""Where a move leads, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.devices import Motor
from magscope_app.devices.numbers import apart


@dataclass
class Goal:
    """Where a move leads (None: to the reference position), and when it has failed."""

    position: float | None
    deadline: float
    _rests_since: float | None = None

    @property
    def is_reference(self) -> bool:
        """True where the axis looks for its reference position."""
        return self.position is None

    def rests_s(self, now: float, *, moving: bool) -> float:
        """Return for how long the axis has stood still, seen from one look to the next."""
        if moving:
            self._rests_since = None
        elif self._rests_since is None:
            self._rests_since = now
        return 0.0 if self._rests_since is None else now - self._rests_since


def why_not_there(motor: Motor, position: float, limits: tuple[float, float]) -> str:
    """Say that an axis has found its reference position outside its limits; empty where it is within."""
    low, high = limits
    if low - motor.tolerance <= position <= high + motor.tolerance:
        return ""
    at, low_text, high_text = apart(position, low, high)
    return (
        f"{motor.name} has its reference position at {at} {motor.unit}, outside its limits, "
        f"{low_text} to {high_text} {motor.unit}; move it back, and give limits that hold it"
    )
