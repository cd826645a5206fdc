"""Which messages go where, and which of them are events of the experiment."""

from __future__ import annotations

from magscope_app.messages import (
    AbortProtocol,
    AddNote,
    CameraSettings,
    CommandRefused,
    FindBeads,
    Message,
    Quit,
    RecordingFinished,
    RecordingProgress,
    RecordingStarted,
    SelectBead,
    SetCameraSetting,
    StartRecording,
    StopProtocol,
    StopRecording,
)

#: To which process a command goes.
ROUTES: dict[type[Message], str] = {
    SetCameraSetting: "camera",
    FindBeads: "tracking",
    SelectBead: "tracking",
    StopProtocol: "experiment",
    AbortProtocol: "experiment",
}
#: Notifications that window and experiment want to see as they are.
NEWS = (CameraSettings, CommandRefused, RecordingStarted, RecordingProgress, RecordingFinished)
#: What is no event of the experiment.
NO_EVENT = (SelectBead, AddNote, StartRecording, StopRecording, Quit)
