"""What is said to and by the locks; see `magscope_app.messages` for everything else."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.feedback.state import LockState
from magscope_app.feedback.xy_lock import RoiMove
from magscope_app.messages.base import Message


@dataclass(frozen=True, slots=True)
class SwitchXYLock(Message):
    """Let the ROIs follow their beads, or leave them."""

    on: bool


@dataclass(frozen=True, slots=True)
class FollowBead(Message):
    """XY-lock: follow this bead, or leave its ROI where it is."""

    bead_id: int
    on: bool


@dataclass(frozen=True, slots=True)
class SwitchZLock(Message):
    """Let the focus follow beads (none named: those of the config, or the references), or let go."""

    on: bool
    bead_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ShiftZLock(Message):
    """Z-lock: hold the beads so much higher above the focal plane; `token` comes back with a refusal."""

    distance_nm: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class SwitchDrift(Message):
    """Measure the drift from 0 (no beads named: those of the config, or the references), or stop that."""

    on: bool
    bead_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseFocus(Message):
    """Z-lock: let go of the focus, because of this."""

    reason: str


@dataclass(frozen=True, slots=True)
class LockChanged(Message):
    """How a lock is: when that changes, and a few times a second while it is on."""

    state: LockState


@dataclass(frozen=True, slots=True)
class CorrectFocus(Message):
    """The Z-lock wants the focus elsewhere.

    Attributes
    ----------
    motor : str
        Name of the focus.
    position : float
        Where it is to go, nm.
    token : int
        Comes back with a refusal.
    frame_id, t_ns : int
        The newest frame that it rests on.
    sent_ns : int
        When this was sent, session time.
    error_nm, correction_nm : float
        What was measured, and how far the focus is to move.
    n_beads : int
        Beads that it rests on.
    """

    motor: str
    position: float
    token: int
    frame_id: int
    t_ns: int
    sent_ns: int
    error_nm: float
    correction_nm: float
    n_beads: int


@dataclass(frozen=True, slots=True)
class MoveRois(Message):
    """The XY-lock wants ROIs elsewhere; void if the bead list is no more of this version."""

    moves: tuple[RoiMove, ...]
    version: int
    frame_id: int
    t_ns: int


#: To the locks, and from them.
LOCK_COMMANDS = (SwitchXYLock, FollowBead, SwitchZLock, ShiftZLock, SwitchDrift)
LOCK_REPORTS = (LockChanged, CorrectFocus, MoveRois)
LOCK_MESSAGES = (*LOCK_COMMANDS, *LOCK_REPORTS)
