"""How a config is to be run, and how a run ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from magscope_app.messages import Counters, LogEntry, Message, RecordingFinished, SystemStatus

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class RunOptions:
    """How a config is to be run.

    Attributes
    ----------
    headless : bool
        Without a window.
    duration_s : float or None
        End so long after the first frame.
    record : Path or None
        Record from the first frame into this folder.
    name : str or None
        Name of that recording.
    command : Message or None
        Carried out once the beads are known.
    """

    headless: bool = False
    duration_s: float | None = None
    record: Path | None = None
    name: str | None = None
    command: Message | None = None


@dataclass(frozen=True)
class Listeners:
    """Whom the supervisor tells: the status line, or a test; of news, those that the window gets, too."""

    on_log: Callable[[LogEntry], None]
    on_status: Callable[[SystemStatus], None]
    on_news: Callable[[Message], None] = lambda _message: None


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes
    ----------
    exit_code : int
        0 after an orderly end, 130 after Ctrl-C, 1 after a failure.
    counters : Counters
        What became of the frames.
    seconds : float
        From the first frame to the end of acquisition.
    recordings : tuple of RecordingFinished
        The datasets that were written.
    error : str
        What went wrong, for the user.
    """

    exit_code: int
    counters: Counters
    seconds: float
    recordings: tuple[RecordingFinished, ...] = ()
    error: str = ""
