"""The supervisor's view of the recording: what runs, what was written, what a new recorder must be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from magscope_app.datatypes import VideoBuffer
from magscope_app.messages import (
    Event,
    Message,
    RecordingFinished,
    RecordingOrder,
    RecordingProgress,
    RecordingStarted,
)
from magscope_app.processes.children import Children
from magscope_app.processes.dead_recorder import close_for_dead_recorder
from magscope_app.processes.status_board import StatusBoard

RECORDER = "recording"


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
        self._waiting: list[Message] | None = None
        self.finished: list[RecordingFinished] = []

    @property
    def running(self) -> Path | None:
        """The dataset that is being written."""
        return self._board.recording

    def start(self, order: RecordingOrder) -> None:
        """Let the recorder begin a dataset."""
        self._order = order
        self._children.send(RECORDER, order)

    def tell(self, message: Message) -> None:
        """Send to the recorder, or keep for the one that is to take the dataset over."""
        if self._waiting is not None:
            self._waiting.append(message)
        else:
            self._children.send(RECORDER, message)

    def hold(self) -> None:
        """Keep what is to be told until a new recorder runs."""
        self._waiting = []

    def resume(self) -> None:
        """Let a new recorder go on with the dataset of the dead one, and tell it what has come since."""
        waiting, self._waiting = self._waiting or [], None
        if self.running is None or self._order is None:
            return
        for message in (replace(self._order, resume=self.running), *waiting):
            self._children.send(RECORDER, message)

    def give_up(self, why: str, video: VideoBuffer | None) -> RecordingFinished | None:
        """Complete the dataset of a recorder that is gone for good, as far as this can be done from here."""
        self._waiting = None
        if self.running is None or video is None or self._children.alive(RECORDER):
            return None
        return close_for_dead_recorder(self.running, why, video, self._board.recorded.frames_recorded)

    def state(self) -> list[Message]:
        """Return what a window that opens late must know."""
        if self.running is None or self._order is None:
            return []
        return [RecordingStarted(self.running, self._order.mode)]

    def on_news(self, message: RecordingStarted | RecordingProgress | RecordingFinished | Event) -> None:
        """Take in what the recorder says, and what others want to be kept."""
        board = self._board
        if isinstance(message, Event):
            if self.running is not None:
                self.tell(message)
            return
        if isinstance(message, RecordingStarted):
            if message.path != board.recording:
                board.start_recording(message.path)
        elif isinstance(message, RecordingProgress):
            board.recorded = replace(board.recorded, frames_recorded=message.frames_recorded)
        else:
            board.recording = None
            board.recorded = message.counters
            self.finished.append(message)
