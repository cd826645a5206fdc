"""What a sweep is to do: from where to where, in which steps, how many frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from magscope_app.config import CalibrationConfig

#: Fewest planes that make a useful table, and most.
_MIN_STEPS, _MOST_STEPS = 6, 2000
_MOST_FRAMES = 10_000
#: A range is divided evenly if this share of a step at most is left over; it is shared out.
_EVEN = 1e-2
#: Force at which a tether of DNA is stiff enough in z to be swept.
CALIBRATION_FORCE_PN = 10.0


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep of the focus.

    Attributes
    ----------
    start_nm, stop_nm : float
        First and last position relative to where the focus stands before; the sweep may go up or down.
    step_nm : float
        Distance of neighbouring planes in focus travel, above 0; it must divide the range, but for rounding.
    frames : int
        Frames per plane.
    bead_ids : tuple of int or None
        The beads; None: all of the list.
    force_pn : float or None
        Set for the sweep if a bead is tethered, and taken back after it; None: the magnets stay.
    settle_s : float
        How long the focus must have stood at its target before a frame counts.
    settle_frames : int
        So many frames that would count are passed over at each plane.
    backlash_nm : float
        Every plane is approached from one side: the focus first goes so far beyond the first plane.
    """

    start_nm: float
    stop_nm: float
    step_nm: float
    frames: int
    bead_ids: tuple[int, ...] | None = None
    force_pn: float | None = CALIBRATION_FORCE_PN
    settle_s: float = 0.02
    settle_frames: int = 0
    backlash_nm: float = 300.0

    def settled_as(self, rules: CalibrationConfig) -> SweepPlan:
        """Return the plan with settling and backlash as the config says."""
        return replace(
            self,
            settle_s=1e-3 * rules.settle_ms,
            settle_frames=rules.settle_frames,
            backlash_nm=rules.backlash_nm,
        )

    @property
    def direction(self) -> float:
        """1.0 for a sweep that goes up, -1.0 for one that goes down."""
        return 1.0 if self.stop_nm >= self.start_nm else -1.0

    @property
    def n_steps(self) -> int:
        """Number of planes."""
        return round(abs(self.stop_nm - self.start_nm) / self.step_nm) + 1

    @property
    def offsets_nm(self) -> tuple[float, ...]:
        """Position of every plane relative to the start, in the order of the sweep."""
        step = (self.stop_nm - self.start_nm) / max(1, self.n_steps - 1)
        return tuple(self.start_nm + step * index for index in range(self.n_steps))

    @property
    def closing_plane(self) -> int:
        """Which plane is looked at once more at the end: a quarter of the range from the first."""
        return self.n_steps // 4

    @property
    def approach_nm(self) -> float:
        """Where the focus turns before the first plane, relative to the start."""
        return self.start_nm - self.direction * self.backlash_nm

    def problems(self) -> list[str]:
        """Return, one sentence each, why this is no sweep; empty if it is one."""
        numbers = (self.start_nm, self.stop_nm, self.step_nm, self.settle_s, self.backlash_nm)
        if not all(math.isfinite(number) for number in numbers):
            return ["the sweep's range, step and times must be finite numbers"]
        found = []
        if not 1 <= self.frames <= _MOST_FRAMES:
            found.append(f"{self.frames} frames per plane cannot be; take 1 to {_MOST_FRAMES}, such as 10")
        if self.settle_s < 0 or self.backlash_nm < 0:
            found.append("settling time and backlash cannot be below 0")
        if not 0 <= self.settle_frames <= _MOST_FRAMES:
            found.append(f"{self.settle_frames} frames cannot be passed over; take 0 to {_MOST_FRAMES}")
        if self.force_pn is not None and not (math.isfinite(self.force_pn) and self.force_pn > 0):
            found.append(f"a calibration force of {self.force_pn:g} pN cannot be set; give one above 0")
        return found + self._range_problems()

    def _range_problems(self) -> list[str]:
        if self.step_nm <= 0:
            return [f"the step must be above 0, not {self.step_nm:g} nm"]
        length = abs(self.stop_nm - self.start_nm)
        steps = length / self.step_nm
        if steps < _MIN_STEPS - 1 - _EVEN:
            return [
                f"from {self.start_nm:g} to {self.stop_nm:g} nm in steps of {self.step_nm:g} nm there are "
                f"fewer than {_MIN_STEPS} planes; sweep further or take smaller steps"
            ]
        if steps > _MOST_STEPS:
            return [
                f"{steps:.0f} steps are more than {_MOST_STEPS}; take larger steps or sweep a shorter range"
            ]
        if abs(steps - round(steps)) > _EVEN:
            fewer, more = length / math.floor(steps), length / math.ceil(steps)
            return [
                f"a step of {self.step_nm:g} nm does not divide the range of {length:g} nm; take "
                f"{more:g} nm ({math.ceil(steps)} steps) or {fewer:g} nm ({math.floor(steps)} steps)"
            ]
        return []

    def limit_problem(self, focus_nm: float, limits: tuple[float, float]) -> str | None:
        """Say why the sweep cannot start at `focus_nm` with an axis between `limits`, or return None."""
        ends = [focus_nm + offset for offset in (self.approach_nm, self.start_nm, self.stop_nm)]
        low, high = limits
        if low <= min(ends) and max(ends) <= high:
            return None
        return (
            f"the sweep would take the focus from {min(ends):.6g} to {max(ends):.6g} nm (with "
            f"{self.backlash_nm:g} nm to approach from one side), but its limits are {low:g} to {high:g} nm; "
            "sweep a shorter range or move the focus first"
        )
