"""Everything the panels show, as it was at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gui.feeds import MotorReading, Picture, Profile
from gui.models.boxes import Boxes
from gui.models.history import TraceHistory
from gui.models.selection import Selection
from gui.models.state import State


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One look at the running microscope.

    Attributes
    ----------
    now_ns : int
        Session time (ns since session start).
    state : State
        What messages have said.
    picture : Picture or None
        Newest frame.
    boxes : Boxes
        ROIs.
    selection : Selection
        The beads that are chosen, and the one whose traces and profile are shown.
    history : TraceHistory
        The last minute of all beads.
    profile : Profile or None
        Radial profile of the selected bead.
    motors : mapping of str to MotorReading
        Positions by name of the axis.
    """

    now_ns: int
    state: State
    picture: Picture | None
    boxes: Boxes
    selection: Selection
    history: TraceHistory
    profile: Profile | None
    motors: Mapping[str, MotorReading]

    @property
    def selected(self) -> int | None:
        """The bead whose traces and profile are shown."""
        return self.selection.shown

    @property
    def picture_age_s(self) -> float | None:
        """Age of the newest frame, None where there is none."""
        return None if self.picture is None else (self.now_ns - self.picture.timestamp_ns) * 1e-9

    def motor_age_s(self, name: str) -> float:
        """Age of the newest position of an axis, infinite where there is none."""
        reading = self.motors.get(name)
        return math.inf if reading is None else (self.now_ns - reading.t_ns) * 1e-9

    @property
    def rows_age_s(self) -> float:
        """Age of the newest bead row, NaN where there is none."""
        return self.now_ns * 1e-9 - self.history.newest_t_s
