"""How a lock is, as others see it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

LockName = Literal["xy_lock", "z_lock", "drift"]
LockStage = Literal["off", "waiting", "on"]
#: What the user calls them.
TITLES: dict[LockName, str] = {"xy_lock": "XY-lock", "z_lock": "Z-lock", "drift": "drift"}


@dataclass(frozen=True, slots=True)
class LockState:
    """One of the locks.

    Attributes
    ----------
    name : str
        xy_lock, z_lock or drift.
    stage : str
        off, waiting (for beads that can be followed) or on.
    reason : str
        Why it has let go, or what it waits for, or what is held back; empty if nothing is to be said.
    bead_ids : tuple of int
        The beads it follows; of the XY-lock, which follows all, those that it leaves where they are.
    error_nm : float
        Z-lock: how far the beads are from where they are held. XY-lock: the farthest bead from the centre
        of its ROI. Drift: how far the stage has gone. NaN if not known.
    corrections : int
        Since it was switched on.
    latency_ms : float
        Median time from a frame to the correction that followed from it; NaN before the first.
    begun : int
        How often it was switched on.
    asked : tuple of int
        The beads it is to follow, those included that it waits for or leaves out; empty for the XY-lock.
    """

    name: LockName
    stage: LockStage = "off"
    reason: str = ""
    bead_ids: tuple[int, ...] = ()
    error_nm: float = math.nan
    corrections: int = 0
    latency_ms: float = math.nan
    begun: int = 0
    asked: tuple[int, ...] = ()

    @property
    def let_go(self) -> bool:
        """Whether it has ended by itself."""
        return self.stage == "off" and bool(self.reason)

    @property
    def text(self) -> str:
        """The state in a few words."""
        title = TITLES[self.name]
        if self.stage == "waiting":
            return f"{title} waits: {self.reason}" if self.reason else f"{title} waits"
        if self.let_go:
            return f"{title} has let go: {self.reason}"
        if self.stage == "on" and not math.isnan(self.error_nm):
            sign = "+" if self.name == "z_lock" else "-"
            return f"{title} on ({self.error_nm:{sign}.1f} nm)"
        return f"{title} {self.stage}"
