"""What goes wrong in a simulated axis, and when."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hardware.simulated.fault_now import fault_now
from magscope_app.config import FaultEntry


@dataclass(frozen=True, slots=True)
class _Fault:
    kind: str
    begins_ns: float
    ends_ns: float
    at_position: float = 0.0
    #: The side of a limit switch on which the axis cannot be: 1 above, -1 below.
    beyond: float = 1.0

    def lasts(self, now_ns: int) -> bool:
        return self.begins_ns <= now_ns < self.ends_ns


class AxisFaults:
    """Faults of the config, so long after the axis was opened, and faults on demand.

    Parameters
    ----------
    device : str
        Name of the axis.
    entries : iterable of FaultEntry
        Those of other devices are none of ours.
    opened_ns : int
        ``perf_counter_ns`` when the axis was opened.
    position : float
        Where it was then: a limit switch lies in the way of going further than itself from there.
    """

    def __init__(
        self, device: str, entries: Iterable[FaultEntry] = (), opened_ns: int = 0, position: float = 0.0
    ) -> None:
        self._device = device
        self._faults: list[_Fault] = []
        for entry in entries:
            if entry.device == device:
                begins_ns = opened_ns + 1e9 * entry.at_s
                self._add(entry.kind, begins_ns, entry.duration_s, entry.at_position, position)

    def cause(
        self,
        kind: str,
        now_ns: int,
        position: float,
        *,
        duration_s: float | None,
        at_position: float | None,
        count: int = 1,
    ) -> None:
        """Let something go wrong now. Raises DeviceError for what cannot go wrong here."""
        fault = fault_now(self._device, kind, duration_s=duration_s, count=count, at_position=at_position)
        self._add(fault.kind, now_ns, fault.duration_s, fault.at_position, position)

    def lost(self, now_ns: int) -> bool:
        """Return whether the axis is disconnected."""
        return self._lasts("disconnect", now_ns)

    def stuck(self, now_ns: int) -> bool:
        """Return whether the axis cannot move."""
        return self._lasts("stuck_motor", now_ns)

    def switch_on_way(self, start: float, target: float, now_ns: int) -> float | None:
        """Return the first limit switch that a move from `start` to `target` runs into, or None."""
        hit = (
            fault.at_position
            for fault in self._faults
            if fault.kind == "limit_switch"
            and fault.lasts(now_ns)
            and fault.beyond * (target - fault.at_position)
            > 0.0
            >= fault.beyond * (start - fault.at_position)
        )
        return min(hit, key=lambda position: abs(position - start), default=None)

    def _add(
        self,
        kind: str,
        begins_ns: float,
        duration_s: float | None,
        at_position: float | None,
        position: float,
    ) -> None:
        ends_ns = math.inf if duration_s is None else begins_ns + 1e9 * duration_s
        at = 0.0 if at_position is None else at_position
        self._faults.append(_Fault(kind, begins_ns, ends_ns, at, 1.0 if position <= at else -1.0))

    def _lasts(self, kind: str, now_ns: int) -> bool:
        return any(fault.kind == kind and fault.lasts(now_ns) for fault in self._faults)
