"""The life of processes and of an acquisition."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.devices.camera import FrameFormat
from magscope_app.messages.base import Message


@dataclass(frozen=True, slots=True)
class ProcessReady(Message):
    """A process has started and waits for work."""

    process: str


@dataclass(frozen=True, slots=True)
class Heartbeat(Message):
    """A process's loop turns."""


@dataclass(frozen=True, slots=True)
class VideoReady(Message):
    """The video buffer exists and can be attached to."""

    format: FrameFormat


@dataclass(frozen=True, slots=True)
class StartAcquisition(Message):
    """Camera: acquire from now on.

    Attributes
    ----------
    resuming : bool
        The camera process died while it acquired: what the camera took meanwhile is lost, and counted.
    """

    resuming: bool = False


@dataclass(frozen=True, slots=True)
class FirstFrame(Message):
    """The first frame of an acquisition is in the ring; its time on the session clock."""

    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class StopAcquisition(Message):
    """Camera: stop acquiring."""


@dataclass(frozen=True, slots=True)
class AcquisitionStopped(Message):
    """The camera acquires no more.

    Attributes
    ----------
    reason : str
        Empty when it was told to stop.
    seconds : float
        Time that its frames cover.
    """

    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shutdown(Message):
    """End, releasing everything."""


@dataclass(frozen=True, slots=True)
class Quit(Message):
    """The user wants everything to end (window closed)."""


@dataclass(frozen=True, slots=True)
class ProcessFailed(Message):
    """A process cannot go on; the text is for the user."""

    process: str
    text: str


@dataclass(frozen=True, slots=True)
class ProcessDied(Message):
    """A process ended unasked."""

    process: str
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class LogEntry(Message):
    """One line of the log."""

    timestamp_ns: int
    process: str
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class LogHistory(Message):
    """What a window that was opened again has not heard, and in one sentence why it was."""

    entries: tuple[LogEntry, ...]
    why: str


@dataclass(frozen=True, slots=True)
class CommandRefused(Message):
    """A command was not carried out; the text says why and what to do.

    `command` names it where somebody waits for its answer: "StartRecording", "MoveBead".
    """

    process: str
    text: str
    token: int = 0
    command: str = ""
