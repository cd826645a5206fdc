"""The supervisor's view of the recording: what runs, what was written, what a new recorder must be told."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

from magscope_app.datatypes import VideoBuffer
from magscope_app.messages import (
    CorrectionFile,
    CorrectionsUsed,
    Event,
    Message,
    NextRecording,
    Receipt,
    RecordingFinished,
    RecordingOrder,
    RecordingProgress,
    RecordingRenamed,
    RecordingStarted,
    RenameRecording,
    StartRecording,
    StopRecording,
)
from magscope_app.processes.children import Children
from magscope_app.processes.dead_recorder import close_for_dead_recorder
from magscope_app.processes.message_check import why_malformed
from magscope_app.processes.status_board import StatusBoard
from magscope_app.storage.names import validate_dataset_name

RECORDER = "recording"
#: What the window wants of a recording, but to begin one.
RecordingCommand = StopRecording | RenameRecording | NextRecording
RecordingNews = (
    RecordingStarted
    | RecordingRenamed
    | RecordingProgress
    | RecordingFinished
    | Receipt
    | CorrectionsUsed
    | Event
)


class RecordingDesk:
    """Passes on what concerns the recording, also while its process is being started again.

    Parameters
    ----------
    children : Children
        The processes.
    board : StatusBoard
        Shows what is recorded.

    Attributes
    ----------
    finished : list of RecordingFinished
        The datasets that were written.
    """

    def __init__(self, children: Children, board: StatusBoard) -> None:
        self._children = children
        self._board = board
        self._order: RecordingOrder | None = None
        self._corrections: tuple[CorrectionFile, ...] = ()
        #: What the recorder has not confirmed: one that dies may have kept it or not.
        self._told: deque[tuple[int, Message]] = deque()
        self._number = 0
        self._asked = False
        self._holding = False
        self._resuming = False
        self.finished: list[RecordingFinished] = []

    @property
    def running(self) -> Path | None:
        """The dataset that is being written."""
        return self._board.recording

    @property
    def ordered(self) -> bool:
        """A dataset is being written, or will be: the recorder may not have begun it yet."""
        return self._order is not None

    def why_not(self, message: StartRecording, *, returning: bool) -> str | None:
        """Return why a dataset cannot be begun, as a sentence for the user; `returning`: a recorder comes."""
        if self.ordered:
            return "a recording is running already; stop it first"
        if not self._children.alive(RECORDER) and not returning:
            return "the recording process is not running: start again to use it"
        return message.why_no_mode() or why_malformed(message)

    def start(self, order: RecordingOrder) -> None:
        """Let the recorder begin a dataset; what is told from now on belongs into it."""
        self._order = replace(order, corrections=self._corrections)
        self._told.clear()
        self._children.send(RECORDER, self._order)

    def command(self, message: RecordingCommand) -> str | None:
        """Tell the recorder what the user wants of it, or return why that cannot be."""
        if isinstance(message, NextRecording):
            self._board.folder = message.folder
            return None
        if isinstance(message, RenameRecording):
            if wrong := validate_dataset_name(message.name):
                return f"the dataset name {message.name!r} {wrong}"
            if not self.ordered:
                return "no recording is running that could be renamed; start one first"
        self.tell(message)
        return None

    def tell(self, message: Message) -> None:
        """Send to the recorder, and keep it for the next one until this one has confirmed it."""
        self._number += 1
        self._told.append((self._number, message))
        if not self._holding:
            self._children.send(RECORDER, message)
            self._ask_receipt()

    def keep(self, message: Message) -> None:
        """Tell what belongs into the dataset that was ordered; without one it is dropped."""
        if self.ordered:
            self.tell(message)

    def hold(self) -> None:
        """Keep what is to be told until a new recorder runs."""
        self._holding = True

    def resume(self) -> None:
        """Let a new recorder go on with the dataset of the dead one, and tell it what that one may not know.

        Where the dead one had not begun yet, another dataset is begun.
        """
        self._holding = self._asked = False
        if self._order is None:
            self._told.clear()
            return
        self._resuming = self.running is not None
        self._children.send(RECORDER, replace(self._order, resume=self.running))
        for _, message in self._told:
            self._children.send(RECORDER, message)
        self._ask_receipt()

    def on_refused(self) -> bool:
        """Take in that the recorder refused something; return True if it was to go on with a dataset."""
        if self.running is None:
            self._forget()
        return self._resuming

    def give_up(self, why: str, video: VideoBuffer | None) -> RecordingFinished | None:
        """Complete the dataset of a recorder that is gone for good, as far as this can be done from here."""
        self._holding = False
        gone = self._resuming or not self._children.alive(RECORDER)
        if self.running is None and gone:
            self._forget()
        if self.running is None or self._order is None or video is None or not gone:
            return None
        return close_for_dead_recorder(
            self.running,
            why,
            video,
            self._board.recorded.frames_recorded,
            self._order.anchor.session_start_ns,
            [message for _, message in self._told],
        )

    def state(self) -> list[Message]:
        """Return what a window that opens late must know."""
        if self.running is None or self._order is None:
            return []
        return [RecordingStarted(self.running, self._order.mode)]

    def on_news(self, message: RecordingNews) -> None:
        """Take in what the recorder says, and what others want to be kept."""
        board = self._board
        if isinstance(message, Event):
            self.keep(message)
        elif isinstance(message, CorrectionsUsed):
            # Tracking that comes back with the same images as before changes nothing.
            if message.files != self._corrections:
                self._corrections = message.files
                self.keep(message)
        elif isinstance(message, Receipt):
            self._on_receipt(message.number)
        elif isinstance(message, RecordingStarted):
            self._resuming = False
            if message.path != board.recording:
                board.start_recording(message.path, has_video="Video" in message.mode)
        elif isinstance(message, RecordingProgress):
            board.recorded = replace(board.recorded, frames_recorded=message.frames_recorded)
        elif isinstance(message, RecordingFinished):
            board.recording = None
            self._forget()
            self._resuming = False
            board.recorded = message.counters
            self.finished.append(message)

    def _forget(self) -> None:
        """Nothing is ordered any more."""
        self._order = None
        self._told.clear()
        self._asked = False

    def _ask_receipt(self) -> None:
        """Have the recorder say how far it is; one question at a time is enough."""
        if self._told and not self._asked:
            self._asked = True
            self._children.send(RECORDER, Receipt(self._told[-1][0]))

    def _on_receipt(self, number: int) -> None:
        self._asked = False
        while self._told and self._told[0][0] <= number:
            self._told.popleft()
        self._ask_receipt()
