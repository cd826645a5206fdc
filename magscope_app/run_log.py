"""The log of one run: a folder with what every process said, and what a crash of one left behind."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

from magscope_app.clock import WallAnchor
from magscope_app.messages import LogEntry

#: What is said in a run, newest last; older parts are run.log.1, run.log.2 ….
LOG_NAME = "run.log"
#: The config of the run, byte for byte.
CONFIG_NAME = "config.toml"
_PART_BYTES, _PARTS = 5_000_000, 4
#: Logs of older runs are removed.
_RUNS_KEPT = 30
#: A file system may round its times up.
_CLOCKS_APART_S = 2.0


def logs_folder() -> Path:
    """Return the folder of this user that holds one folder per run; it need not exist."""
    return Path(platformdirs.user_log_dir("magscope-app", appauthor=False))


def run_folders() -> list[Path]:
    """Return the folders of the runs, oldest first, by when they were last written into.

    What was written later than now is older than all others: the wall clock was ahead, and was set back.
    """
    folder, now = logs_folder(), time.time()
    if not folder.is_dir():
        return []

    def age(path: Path) -> tuple[bool, float, str]:
        written = _written(path)
        return written <= now + _CLOCKS_APART_S, written, path.name

    return sorted((path for path in folder.iterdir() if path.is_dir()), key=age)


def _written(folder: Path) -> float:
    """Return when a log was last written into, in seconds of the wall clock."""
    for path in (folder / LOG_NAME, folder):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def crash_file(folder: Path, process: str) -> Path:
    """Return the file into which the interpreter of a process writes where it crashed."""
    return folder / f"crash-{process}.txt"


class RunLog:
    """Writes what is said during one run into a folder of its own.

    Where the folder cannot be written the run goes on without a log, and `folder` is None.

    Parameters
    ----------
    anchor : WallAnchor
        Ties the entries' times to the wall clock.
    config : bytes
        The file that is run.
    tell : callable
        Is told of every entry too, and of a log that cannot be written.
    """

    def __init__(self, anchor: WallAnchor, config: bytes, tell: Callable[[LogEntry], None]) -> None:
        self._anchor = anchor
        self._tell = tell
        self._handler: _PartsHandler | None = None
        self.folder: Path | None = None
        name = f"{datetime.now(UTC).astimezone():%Y-%m-%d_%H%M%S}_{os.getpid()}"
        folder = logs_folder() / name
        try:
            folder.mkdir(parents=True)
            (folder / CONFIG_NAME).write_bytes(config)
            self._handler = _PartsHandler(folder / LOG_NAME)
        except OSError as error:
            self._complain(folder, str(error.strerror))
            return
        self.folder = folder
        _remove_old(folder)

    def write(self, entry: LogEntry) -> None:
        """Add an entry (time, process, level, text) and pass it on."""
        self._tell(entry)
        if self._handler is None:
            return
        at = self._anchor.utc(entry.timestamp_ns - self._anchor.session_start_ns).astimezone()
        level = logging.getLevelName(entry.level)
        text = entry.text.rstrip().replace("\n", "\n    ")
        line = f"{at.isoformat(timespec='milliseconds')}  {entry.process:<11} {level:<7} {text}"
        self._handler.handle(logging.makeLogRecord({"msg": line, "levelno": entry.level}))
        if self._handler.failure:
            handler, self._handler = self._handler, None
            self._complain(Path(handler.baseFilename), handler.failure)
            handler.close()

    def _complain(self, path: Path, why: str) -> None:
        text = f"the log {path} cannot be written: {why}; the run goes on without it"
        self._tell(LogEntry(time.perf_counter_ns(), "supervisor", logging.WARNING, text))

    def close(self) -> None:
        """Close the file and remove the crash files that nobody wrote into."""
        if self._handler is not None:
            self._handler.close()
        if self.folder is not None:
            _remove_empty(self.folder)


class _PartsHandler(RotatingFileHandler):
    """A log that never fills the disk and never ends the run it describes.

    Attributes
    ----------
    failure : str
        Why a line could not be written; empty while all is well.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_PART_BYTES, backupCount=_PARTS, encoding="utf-8", errors="replace")
        self.failure = ""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - the library's name
        """Keep the reason instead of printing a traceback."""
        self.failure = str(sys.exc_info()[1])

    def close(self) -> None:
        """Close the file; what a full disk does not take is given up."""
        try:
            super().close()
        except OSError as error:
            self.failure = self.failure or str(error)


def _remove_old(own: Path) -> None:
    """Remove the logs of the oldest runs, whatever the clock says never that of this one."""
    others = [folder for folder in run_folders() if folder != own]
    for folder in others[: 1 - _RUNS_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    for path in folder.glob("crash-*.txt"):
        try:
            if not path.stat().st_size:
                path.unlink()
        except OSError:
            # A process that still ends holds it open (Windows); an empty file does no harm.
            continue
