"""What the user sees of the running line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from magscope_app.feedback.state import LockState
from magscope_app.messages.base import Message
from magscope_app.messages.motors import MotorStatus
from magscope_app.messages.process_state import ProcessState
from magscope_app.messages.vocabulary import Counters

#: States of a process that need no attention.
_WELL = ("starting", "running", "ended")


@dataclass(frozen=True, slots=True)
class SystemStatus(Message):
    """The state of everything, a few times a second.

    Attributes
    ----------
    timestamp_ns : int
        Session clock when it was taken.
    acquiring : bool
        True while the camera acquires.
    fps : float
        Frames per second now.
    beads : int
        Beads on the list.
    buffer_level : float
        Fraction of the ring that the slowest reader has still to read, 0 to 1.
    counters : Counters
        Since the start of the session.
    recording, recording_seconds : Path or None, float
        The dataset that is being written, and its duration so far.
    free_disk_bytes : int or None
        Where it is (or would be) written; 0 where the disk does not answer, None where it may do so yet.
    processes : tuple of ProcessState
        All processes.
    awake : bool
        True where the computer is kept from sleeping.
    motors, locks : tuple of MotorStatus, tuple of LockState
        All axes of the config, and XY-lock, Z-lock and drift.
    tracking_fps : float
        Frames per second that tracking manages when it never waits for one; 0 before it is known. Below
        `fps` it does not keep up.
    """

    timestamp_ns: int
    acquiring: bool
    fps: float
    beads: int
    buffer_level: float
    counters: Counters
    recording: Path | None
    recording_seconds: float
    free_disk_bytes: int | None
    processes: tuple[ProcessState, ...]
    awake: bool
    motors: tuple[MotorStatus, ...] = ()
    locks: tuple[LockState, ...] = ()
    tracking_fps: float = 0.0

    @property
    def troubled(self) -> tuple[tuple[str, str], ...]:
        """Name and state of every axis and process that needs attention."""
        axes = tuple((one.name, one.state) for one in self.motors if not one.is_well)
        return axes + tuple((one.name, one.state) for one in self.processes if one.state not in _WELL)
