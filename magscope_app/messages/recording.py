"""Recordings and what is kept in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from magscope_app.clock import WallAnchor
from magscope_app.config import RecordingMode
from magscope_app.messages.base import Message
from magscope_app.messages.vocabulary import Counters


@dataclass(frozen=True, slots=True)
class StartRecording(Message):
    """Start a dataset; what is None comes from the config."""

    folder: Path | None = None
    name: str | None = None
    mode: RecordingMode | None = None

    def why_no_mode(self) -> str | None:
        """Return why there is no such mode, as a sentence for the user; None if there is."""
        modes = get_args(RecordingMode)
        if self.mode is None or self.mode in modes:
            return None
        return f"there is no recording mode {self.mode!r}; choose one of {', '.join(modes)}"


@dataclass(frozen=True, slots=True)
class NextRecording(Message):
    """The next recording is to be this one: a window that is opened again shows it; its disk is looked at.

    What is None comes from the config.
    """

    folder: Path
    name: str | None = None
    mode: RecordingMode | None = None


@dataclass(frozen=True, slots=True)
class CorrectionFile:
    """A "dark_frame" or "flat_field" (`kind`) as it was read from `path`."""

    kind: str
    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class CorrectionsUsed(Message):
    """ROIs are corrected with these images from this frame on, before they are tracked."""

    files: tuple[CorrectionFile, ...]
    frame_id: int = 0


@dataclass(frozen=True, slots=True)
class RecordingOrder(Message):
    """Recorder: record from the next frame on, with everything the dataset has to say about itself.

    Attributes
    ----------
    folder, name : Path and str
        Where, and what it is called.
    mode : str
        What is recorded.
    config_text : bytes
        The config file.
    anchor : WallAnchor
        The session clock.
    facts : dict
        What goes into dataset.json.
    resume : Path or None
        Go on in this dataset, whose recorder has ended, instead of making one: a new part begins, what is
        stored already is skipped, the counters go on, and the event "recorder restarted" has the seam.
        `folder` and `name` do not count then. What is told twice, because nobody knows whether the recorder
        before had kept it, is kept once.
    zlut : Path or None
        The Z-LUTs that beads are tracked with.
    corrections : tuple of CorrectionFile
        The images that ROIs are corrected with.
    """

    folder: Path
    name: str
    mode: RecordingMode
    config_text: bytes
    anchor: WallAnchor
    facts: dict[str, Any]
    resume: Path | None = None
    zlut: Path | None = None
    corrections: tuple[CorrectionFile, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingStarted(Message):
    """The dataset exists and takes data."""

    path: Path
    mode: RecordingMode


@dataclass(frozen=True, slots=True)
class RecordingProgress(Message):
    """What is safe on disk (flushed to the operating system), and for how long the disk lasts."""

    frames_recorded: int
    disk_minutes: float = float("inf")


@dataclass(frozen=True, slots=True)
class StopRecording(Message):
    """Finish the dataset with the last frame before `stop_frame_id` (None: with the newest).

    In a `hurry`, also for a dataset that is being finished, what is still to be tracked is not waited for.
    """

    stop_frame_id: int | None = None
    exit_status: str = "completed"
    hurry: bool = False


@dataclass(frozen=True, slots=True)
class RenameRecording(Message):
    """Give the running dataset another name; its folder follows when it is finished."""

    name: str


@dataclass(frozen=True, slots=True)
class RecordingRenamed(Message):
    """The running dataset has this name."""

    name: str


@dataclass(frozen=True, slots=True)
class AddNote(Message):
    """Keep a sentence of the user in the running dataset."""

    text: str


@dataclass(frozen=True, slots=True)
class Receipt(Message):
    """Recorder: send this back, now that everything told before it is kept."""

    number: int


@dataclass(frozen=True, slots=True)
class RecordingFinished(Message):
    """The dataset is complete, or `error` says why it is not.

    Of the frames that the recording lost, `without_image` are in the tracks, and only their image is missing.
    """

    path: Path
    exit_status: str
    counters: Counters
    error: str = ""
    without_image: int = 0


@dataclass(frozen=True, slots=True)
class Event(Message):
    """Something to be kept in the dataset's events: a command, a changed setting, a note, a loss."""

    kind: str
    frame_id: int
    timestamp_ns: int
    fields: dict[str, Any] = field(default_factory=dict)
