"""Which messages go where, and which of them are events of the experiment."""

from __future__ import annotations

from collections.abc import Container

from magscope_app.messages import (
    AbortProtocol,
    AddNote,
    CameraSettings,
    CommandRefused,
    FaultCaused,
    FindBeads,
    Message,
    NextRecording,
    RecordingFinished,
    RecordingProgress,
    RecordingRenamed,
    RecordingStarted,
    SelectBead,
    SetCameraSetting,
    StopProtocol,
)
from magscope_app.messages.locks import LOCK_REPORTS

#: To which process a command goes.
ROUTES: dict[type[Message], str] = {
    SetCameraSetting: "camera",
    FindBeads: "tracking",
    SelectBead: "tracking",
    StopProtocol: "experiment",
    AbortProtocol: "experiment",
}
#: Notifications that window and experiment want to see as they are.
NEWS = (
    CameraSettings,
    CommandRefused,
    FaultCaused,
    RecordingStarted,
    RecordingRenamed,
    RecordingProgress,
    RecordingFinished,
)
#: What is no command of the experiment: what is looked at, and what makes events of its own.
NO_EVENT = (SelectBead, AddNote, NextRecording, *LOCK_REPORTS)


def not_running(process: str, returning: Container[str]) -> str:
    """Return the sentence for a command whose process is not there; `returning`: those started again."""
    remedy = "it is started again, try once more" if process in returning else "start again to use it"
    return f"the {process} process is not running: {remedy}"
