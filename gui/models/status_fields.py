"""The strip of large fields: what each says and how loudly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from gui.models.age import MOTOR_STALE_S, stale_after_s
from gui.models.quantities import MISSING, age_text, bytes_text, count_text, duration_text, minutes_text
from magscope_app.feedback.state import LockName
from magscope_app.messages import MotorStatus, SystemStatus

Tone = Literal["calm", "dim", "warn", "alarm", "record"]

#: Age from which on the newest status is old; it comes a few times a second.
STATUS_STALE_S = 1.5
_LOW_DISK_BYTES, _VERY_LOW_DISK_BYTES = 20e9, 5e9
_LOW_DISK_MIN, _VERY_LOW_DISK_MIN = 30.0, 5.0
_HIGH_BUFFER, _VERY_HIGH_BUFFER = 0.5, 0.75
_SLOW = 0.95
_RECENT_LOSS_S = 60.0
#: A camera that has been started has this time for its first frame.
_FIRST_FRAME_S = 5.0
#: The locks in as few letters as can be.
_SHORT: dict[LockName, str] = {"xy_lock": "XY", "z_lock": "Z", "drift": "D"}
#: How loudly the state of a process is shown, the worst first; the others are calm.
PROCESS_TONES: Mapping[str, Tone] = MappingProxyType(
    {
        "failed": "alarm",
        "dead": "alarm",
        "hung": "alarm",
        "restarting": "warn",
        "slow": "warn",
        "starting": "dim",
    }
)


@dataclass(frozen=True, slots=True)
class StatusField:
    """One field of the strip.

    Attributes
    ----------
    key : str
        Stable name.
    caption : str
        Small text above.
    text : str
        Large text.
    tone : Tone
        How it is coloured.
    help : str
        Tooltip.
    short : str
        Stands in place of the text where there is no room for it; empty: the text has no shorter form.
    """

    key: str
    caption: str
    text: str
    tone: Tone = "calm"
    help: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What the fields are made of.

    Attributes
    ----------
    status : SystemStatus or None
        The newest state of the system.
    age_s : float
        How old it is.
    expected_fps : float
        What the camera should do.
    beads_seen : int
        Beads that were found in their newest frame.
    motors_moving : int
        Axes that move.
    motors : int
        Axes that are open.
    finishing : bool
        True from the command to stop recording until it is finished.
    motor_states : tuple of MotorStatus
        What each axis is doing.
    disk_minutes : float
        For how long the recording that runs has room yet; infinite where that is not known.
    rows_age_s : float
        Age of the newest bead row; NaN where there is none.
    stale_after_s : float
        Age at which rows are old.
    motors_age_s : float
        Age of the newest position of the axis that is silent for longest.
    loss_age_s : float
        Time since a frame was lost; infinite where that was before the window opened.
    silent_s : float
        Since when the camera, which should, gives no frames.
    """

    status: SystemStatus | None
    age_s: float
    expected_fps: float
    beads_seen: int
    motors_moving: int
    motors: int
    finishing: bool = False
    motor_states: tuple[MotorStatus, ...] = ()
    disk_minutes: float = math.inf
    rows_age_s: float = 0.0
    stale_after_s: float = 1.0
    motors_age_s: float = 0.0
    loss_age_s: float = 0.0
    silent_s: float = 0.0


KEYS = ("fps", "beads", "buffer", "lost", "recording", "disk", "motors", "locks", "processes")
_CAPTIONS = ("fps", "beads", "buffer", "lost", "recording", "free disk", "motors", "locks", "processes")


def why_old(age_s: float) -> str:
    """Say that nothing new is known from a status of this age; empty where it is as it should be."""
    is_old = age_s > STATUS_STALE_S
    return f"No news from the supervisor for {age_text(age_s)}: this is how it was." if is_old else ""


def status_fields(facts: StatusFacts) -> tuple[StatusField, ...]:
    """Return the fields in the order of `KEYS`."""
    status = facts.status
    if status is None:
        return tuple(
            StatusField(key, text, MISSING, "dim") for key, text in zip(KEYS, _CAPTIONS, strict=True)
        )
    fields = (
        _fps(status, facts),
        _beads(status, facts),
        _buffer(status),
        _lost(status, facts.loss_age_s),
        _recording(status, facts.finishing),
        _disk(status, facts.disk_minutes),
        _motors(facts),
        _locks(status),
        _processes(status),
    )
    if not (old := why_old(facts.age_s)):
        return fields
    first = StatusField("fps", f"no news for {age_text(facts.age_s)}", fields[0].text, "alarm", old)
    return (first, *(_old(field, old) for field in fields[1:]))


def _old(field: StatusField, said: str) -> StatusField:
    """Return a field of which nothing new is known: what was calm is dimmed, what was loud stays so."""
    tone: Tone = "dim" if field.tone == "calm" else field.tone
    return replace(field, tone=tone, help=f"{said}\n{field.help}".rstrip())


def _fps(status: SystemStatus, facts: StatusFacts) -> StatusField:
    if not status.acquiring:
        return StatusField("fps", "fps", "stopped", "alarm", "The camera does not acquire; the log says why.")
    expected_fps, acquired = facts.expected_fps, status.counters.frames_acquired
    if status.fps <= 0 and facts.silent_s > max(
        stale_after_s(expected_fps), 0 if acquired else _FIRST_FRAME_S
    ):
        said = f"The camera gives no frames, for {age_text(facts.silent_s)}: look at its cable and trigger."
        return StatusField("fps", "fps", "0.0", "alarm", said)
    slow = status.fps < _SLOW * expected_fps and acquired > 2 * expected_fps
    text = (
        f"{status.fps:.2g}"
        if 0 < status.fps < 1
        else f"{status.fps:.1f}"
        if status.fps < 99.95
        else f"{status.fps:.0f}"
    )
    return StatusField(
        "fps", "fps", text, "warn" if slow else "calm", f"Expected: {expected_fps:g} frames per second"
    )


def _beads(status: SystemStatus, facts: StatusFacts) -> StatusField:
    seen, age_s = facts.beads_seen, facts.rows_age_s
    hidden = status.beads - seen
    if status.beads == 0:
        return StatusField(
            "beads", "beads", "none", "calm", "Add beads in the image with Shift+click or the key A."
        )
    text = f"{seen}/{status.beads}" if hidden > 0 else str(status.beads)
    if age_s > facts.stale_after_s:
        old = f"No new positions for {age_text(age_s)}: this is how it was. The log may say why."
        return StatusField("beads", f"beads {age_text(age_s)} ago", text, "dim", old)
    return StatusField(
        "beads", "beads", text, "warn" if hidden > 0 else "calm", "Beads tracked now / on the list"
    )


def _buffer(status: SystemStatus) -> StatusField:
    level = status.buffer_level
    tone: Tone = "alarm" if level >= _VERY_HIGH_BUFFER else "warn" if level >= _HIGH_BUFFER else "calm"
    help_text = "How much of the ring the slowest reader has still to read; frames are lost when it is full."
    return StatusField("buffer", "buffer", f"{math.floor(100 * level):d} %", tone, help_text)


def _lost(status: SystemStatus, age_s: float) -> StatusField:
    counters = status.counters
    parts = (
        f"camera {counters.lost_upstream}, ring {counters.lost_ring}, tracking {counters.lost_tracking}, "
        f"recording {counters.lost_recording}"
    )
    if not counters.frames_lost:
        return StatusField("lost", "lost frames", "0", "calm", "Since the start no frame was lost.")
    # What is long past is no reason to jump up, but stays said.
    tone: Tone = "alarm" if age_s < _RECENT_LOSS_S else "warn"
    when = f"{age_text(age_s)} ago" if math.isfinite(age_s) else "before this window was opened"
    said = f"Since the start: {parts}; the newest loss was {when}"
    return StatusField("lost", "lost frames", count_text(counters.frames_lost), tone, said)


def _recording(status: SystemStatus, finishing: bool) -> StatusField:
    if finishing:
        return StatusField("recording", "recording", "finishing", "warn", "The dataset is being completed.")
    if status.recording is None:
        return StatusField("recording", "recording", "off", "calm", "Start one under Recording.")
    text = duration_text(status.recording_seconds)
    return StatusField(
        "recording", "● recording", text, "record", f"{status.recording}\nStop it under Recording."
    )


def _disk(status: SystemStatus, minutes: float) -> StatusField:
    free = status.free_disk_bytes
    if free is None:
        return StatusField("disk", "free disk", MISSING, "dim", "The disk has not answered yet.")
    very_low = free < _VERY_LOW_DISK_BYTES or minutes < _VERY_LOW_DISK_MIN
    low = free < _LOW_DISK_BYTES or minutes < _LOW_DISK_MIN
    tone: Tone = "alarm" if very_low else "warn" if low else "calm"
    said = "Free where recordings are written"
    if status.recording is None or not math.isfinite(minutes):
        return StatusField("disk", "free disk", bytes_text(free), tone, said)
    text = minutes_text(60 * minutes)
    return StatusField(
        "disk", f"disk {bytes_text(free)}", text, tone, f"{said}: enough for {text} of this recording"
    )


def _motors(facts: StatusFacts) -> StatusField:
    lines = "\n".join(f"{one.name}: {one.state} {one.text}".rstrip() for one in facts.motor_states)
    troubled = [one for one in facts.motor_states if not one.is_well]
    if troubled:
        names = [one.name for one in troubled]
        caption = "motor lost" if any(one.state == "lost" for one in troubled) else "motor error"
        return StatusField("motors", caption, ", ".join(names), "alarm", lines, _shortened(names))
    if not facts.motors:
        return StatusField("motors", "motors", "none", "dim", lines or "No axis is open.")
    text = f"{facts.motors_moving} moving" if facts.motors_moving else "at rest"
    if facts.motors_age_s > MOTOR_STALE_S:
        caption = f"motors {age_text(facts.motors_age_s)} ago"
        return StatusField("motors", caption, text, "dim", lines or "This is how it was.")
    return StatusField("motors", "motors", text, "calm", lines or f"{facts.motors} axes are open.")


def _locks(status: SystemStatus) -> StatusField:
    lines = "\n".join(lock.text for lock in status.locks) or "No lock has been used."
    gone = [lock for lock in status.locks if lock.let_go]
    if gone:
        return StatusField("locks", "let go", ", ".join(_SHORT[lock.name] for lock in gone), "alarm", lines)
    on = [lock for lock in status.locks if lock.stage != "off"]
    if not on:
        return StatusField("locks", "locks", "off", "dim", lines)
    waiting = any(lock.stage == "waiting" for lock in on)
    text = ", ".join(_SHORT[lock.name] for lock in on)
    return StatusField("locks", "lock waits" if waiting else "locks", text, "calm", lines)


def _processes(status: SystemStatus) -> StatusField:
    lines = "\n".join(f"{process.name}: {process.state}" for process in status.processes)
    for state, tone in PROCESS_TONES.items():
        which = [process.name for process in status.processes if process.state == state]
        if which:
            return StatusField("processes", state, ", ".join(which), tone, lines, _shortened(which))
    return StatusField("processes", "processes", "all well", "calm", lines)


def _shortened(names: list[str]) -> str:
    return f"{names[0]} +{len(names) - 1}" if len(names) > 1 else names[0]
