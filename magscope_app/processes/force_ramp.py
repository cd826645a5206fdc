"""A ramp of the force at a constant loading rate, as heights of the magnets over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from magscope_app.devices import LimitError, Motor
from magscope_app.devices.force import ForceCalibration
from magscope_app.devices.numbers import apart

#: A height that was made from a force may miss a limit by this.
_ROUNDING_MM = 1e-6
#: An axis must follow a ramp: it may be behind by a second's way, for so long.
_BEHIND_S = 2.0


@dataclass(frozen=True)
class ForceRamp:
    """The force goes from `start_pn` to `end_pn` at `rate_pn_s`.

    Attributes
    ----------
    calibration : ForceCalibration
        Gives the height for each force.
    start_pn, end_pn : float
        Forces at the begin and at the end.
    rate_pn_s : float
        Loading rate, above 0.
    """

    calibration: ForceCalibration
    start_pn: float
    end_pn: float
    rate_pn_s: float

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        return abs(self.end_pn - self.start_pn) / self.rate_pn_s

    def force_pn(self, elapsed_s: float) -> float:
        """Return the force after a time."""
        if elapsed_s >= self.duration_s:
            return self.end_pn
        return self.start_pn + math.copysign(
            self.rate_pn_s * max(elapsed_s, 0.0), self.end_pn - self.start_pn
        )

    def height_mm(self, elapsed_s: float) -> float:
        """Return where the magnets are after a time."""
        return self.calibration.height_mm(self.force_pn(elapsed_s))

    def fastest_mm_per_s(self) -> float:
        """Return the highest speed that the magnets need on the way."""
        if self.start_pn == self.end_pn:
            return 0.0
        weakest, strongest = sorted((self.start_pn, self.end_pn))
        return self.rate_pn_s * self.calibration.steepest_mm_per_pn(weakest, strongest)


class RampOnWay:
    """A ramp that has begun: where the magnets are to be, and whether they follow.

    Parameters
    ----------
    plan : ForceRamp
        The ramp.
    limits : tuple of float
        Of the magnets, in mm: they may stand a little beyond one when the ramp begins.
    began : float
        When, ``time.monotonic``.
    """

    def __init__(self, plan: ForceRamp, limits: tuple[float, float], began: float) -> None:
        self._plan, self._limits, self._began = plan, limits, began
        self._behind_since: float | None = None

    def height_mm(self, now: float) -> float:
        """Return where the magnets are to be now."""
        low, high = self._limits
        return min(max(self._plan.height_mm(now - self._began), low), high)

    def is_over(self, now: float) -> bool:
        """Return whether the force is that of the end."""
        return now - self._began >= self._plan.duration_s

    def is_left_behind(self, now: float, position_mm: float, tolerance_mm: float) -> bool:
        """Return whether the magnets have not followed for too long."""
        height = self.height_mm(now)
        slack = abs(height - self._plan.height_mm(now - self._began - 1.0)) + tolerance_mm
        if abs(height - position_mm) <= slack:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        return self._behind_since is not None and now - self._behind_since > _BEHIND_S


def plan_ramp(motor: Motor, calibration: ForceCalibration, end_pn: float, rate_pn_s: float) -> ForceRamp:
    """Return the ramp from where the magnets are to a force.

    Raises
    ------
    LimitError
        The rate is not above 0, an end of the ramp cannot be reached, or the magnets are too slow for it.
    """
    if not 0.0 < rate_pn_s < math.inf:
        raise LimitError(f"a loading rate of {rate_pn_s:g} pN/s makes no ramp; give one above 0")
    motor.require_within(height_for(motor, calibration, end_pn))
    here = motor.position()
    start_pn = float(calibration.force_pn(here))
    if not math.isfinite(start_pn):
        raise LimitError(
            f"the force at {here:g} mm, where {motor.name} is, is not known; move it into the table"
        )
    ramp = ForceRamp(calibration, start_pn, end_pn, rate_pn_s)
    needed = ramp.fastest_mm_per_s()
    if motor.speed is not None and needed > motor.speed:
        slower = _below(rate_pn_s * motor.speed / needed)
        raise LimitError(
            f"a ramp of {rate_pn_s:g} pN/s from {start_pn:.3g} to {end_pn:.3g} pN needs {needed:.3g} mm/s, "
            f"but {motor.name} does {motor.speed:g}; give at most {slower} pN/s"
        )
    return ramp


def _below(value: float) -> str:
    """Write a number > 0 with three digits that are not above it."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.floor((1.0 - 1e-9) * value / unit) * unit:.3g}"


def height_for(motor: Motor, calibration: ForceCalibration, force_pn: float) -> float:
    """Return the height of the magnets for a force.

    Raises
    ------
    LimitError
        The magnets cannot give this force; the text says which they can.
    """
    height_mm = calibration.height_mm(force_pn)
    low, high = motor.limits
    if not low - _ROUNDING_MM <= height_mm <= high + _ROUNDING_MM:
        height, lowest, highest = apart(height_mm, low, high, digits=4)
        force, weakest, strongest = apart(force_pn, *calibration.forces_pn(low, high), digits=3)
        raise LimitError(
            f"{force} pN needs {motor.name} at {height} mm, "
            f"but its limits are {lowest} to {highest} mm: it can give {weakest} to {strongest} pN"
        )
    return min(max(height_mm, low), high)
