"""The recording process: starts, feeds and finishes datasets while the line runs.

After it has died, a new process goes on with the same dataset: start it, send `VideoReady` and the order of
before with ``resume`` set to the dataset's folder. It answers with `RecordingStarted` as ever.
"""

from __future__ import annotations

import logging

from magscope_app.calibration.messages import ZLUTsUsed
from magscope_app.datatypes import VideoBuffer
from magscope_app.errors import FOREIGN, MagscopeError
from magscope_app.messages import (
    CommandRefused,
    CorrectionsUsed,
    Event,
    Message,
    ProcessReady,
    Receipt,
    RecordingOrder,
    RecordingProgress,
    RecordingRenamed,
    RecordingStarted,
    RenameRecording,
    Shutdown,
    StopRecording,
    VideoReady,
)
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, LinkClosed
from magscope_app.processes.recorder import Recorder, describe

_log = logging.getLogger(__name__)
_IDLE_S, _BUSY_S = 0.2, 0.05


def run(link: Link, handles: Handles) -> None:
    """Record what is asked for until told to end; a running dataset is then completed.

    An error leaves it as it is: another recording process goes on with it, or the supervisor completes it.
    """
    loop = _RecordingLoop(link, handles)
    try:
        loop.run()
    except LinkClosed:
        loop.close()
        raise
    loop.close()


class _RecordingLoop:
    def __init__(self, link: Link, handles: Handles) -> None:
        self._link = link
        self._handles = handles
        self._video: VideoBuffer | None = None
        self._rois = handles.rois()
        self._recorder: Recorder | None = None
        self._progress = -1
        self._ending = False
        self._finishing = False
        self._hurried = False

    def run(self) -> None:
        self._link.send(ProcessReady("recording"))
        while not self._ending:
            try:
                self._listen(0.0 if self._recorder is not None else _IDLE_S)
            except LinkClosed:
                self._hurried = True
                self._finish("interrupted", None)
                raise
            if self._recorder is not None:
                self._work(self._recorder)

    def close(self) -> None:
        self._finish("interrupted", None)
        self._rois.close()
        if self._video is not None:
            self._video.close()

    def _listen(self, timeout_s: float) -> None:
        message = self._link.receive(timeout_s)
        while message is not None:
            self._handle(message)
            message = self._link.receive()

    def _handle(self, message: Message) -> None:
        match message:
            case VideoReady():
                self._video = self._handles.video()
            case RecordingOrder():
                self._start(message)
            case StopRecording(stop_frame_id, exit_status, hurry):
                self._hurried |= hurry and self._recorder is not None
                self._finish(exit_status, stop_frame_id)
            case Event() | RenameRecording() | ZLUTsUsed() | CorrectionsUsed():
                self._keep(message)
            case Receipt() if not self._finishing:
                # A recording that is being finished is confirmed by its end.
                self._link.send(message)
            case Shutdown():
                self._ending = self._hurried = True
            case _ if not isinstance(message, Receipt):
                _log.warning("the recording process cannot handle %s", type(message).__name__)

    def _start(self, order: RecordingOrder) -> None:
        if self._recorder is not None or self._video is None:
            self._refuse_start("a recording is running already, or the camera is not open yet")
            return
        try:
            self._recorder = Recorder(order, self._handles, self._video, self._rois)
        except MagscopeError as error:
            self._refuse_start(f"the recording was not started: {error}")
            return
        self._progress = -1
        self._link.send(RecordingStarted(self._recorder.path, order.mode))

    def _refuse_start(self, text: str) -> None:
        self._link.send(CommandRefused("recording", text, command="StartRecording"))

    def _work(self, recorder: Recorder) -> None:
        recorder.wait(_BUSY_S)
        try:
            recorder.turn()
        except FOREIGN as error:
            self._finish("failed", None, describe(error))
            return
        if recorder.stop_reason:
            self._finish("failed", None, recorder.stop_reason)
            return
        if recorder.frames_recorded != self._progress:
            self._progress = recorder.frames_recorded
            self._link.send(RecordingProgress(self._progress, recorder.minutes_left))

    def _keep(self, message: Message) -> None:
        if self._recorder is None:
            self._say_late(message)
            return
        try:
            self._recorder.keep(message)
        except MagscopeError as error:
            if isinstance(message, Event):
                _log.error("%s", error)
            else:
                self._link.send(CommandRefused("recording", str(error)))
            return
        if isinstance(message, RenameRecording):
            self._link.send(RecordingRenamed(message.name))

    def _say_late(self, message: Message) -> None:
        """Say what of the user's own came after the end of the recording that it was meant for."""
        if isinstance(message, RenameRecording):
            _log.warning("the recording had ended before it could be called %r", message.name)
        elif isinstance(message, Event) and message.kind == "note":
            _log.warning(
                "the recording had ended before a note could be kept: %s", message.fields.get("text")
            )

    def _finish(self, exit_status: str, stop_id: int | None, reason: str = "") -> None:
        recorder = self._recorder
        if recorder is None or self._finishing:
            return
        self._finishing = True
        finished = recorder.finish(exit_status, stop_id, reason, self._may_wait)
        self._recorder, self._finishing, self._hurried = None, False, False
        self._link.send(finished)

    def _may_wait(self) -> bool:
        """Listen while the recording ends; return False once nobody waits for it."""
        try:
            self._listen(0.0)
        except LinkClosed:
            self._hurried = True
        return not self._hurried
