"""The live status line of a headless run, and its summary."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from magscope_app.messages import LogEntry, SystemStatus
from magscope_app.processes.options import RunResult

#: Where the output is no terminal, a line is printed this often.
_LINE_EVERY_S = 10.0
#: So much of the ring waits when tracking does not keep up.
_BEHIND = 0.25


def describe(status: SystemStatus) -> str:
    """Return the state of everything in one line."""
    counters = status.counters
    recorded = f"recorded {counters.frames_recorded}" if status.recording else "not recording"
    behind = 0 < status.tracking_fps < status.fps and status.buffer_level > _BEHIND
    parts = [
        f"{status.fps:.1f} fps" + (f" (tracking manages {status.tracking_fps:.0f})" if behind else ""),
        f"{status.beads} beads",
        f"buffer {100 * status.buffer_level:.0f} %",
        f"lost {counters.frames_lost}",
        recorded,
    ]
    if status.free_disk_bytes is not None:
        parts.append(f"{status.free_disk_bytes / 1e9:.1f} GB free")
    parts += [lock.text for lock in status.locks if lock.stage != "off" or lock.reason]
    return " · ".join(parts + [f"{name} is {state.upper()}" for name, state in status.troubled])


def summarize(result: RunResult) -> str:
    """Return what a run has done, as the last lines in the terminal."""
    counters = result.counters
    rate = counters.frames_acquired / result.seconds if result.seconds > 0 else 0.0
    lines = [
        f"{counters.frames_acquired} frames acquired in {result.seconds:.1f} s ({rate:.1f} fps), "
        f"{counters.frames_tracked} tracked, {counters.frames_lost} lost "
        f"(camera {counters.lost_upstream}, ring {counters.lost_ring}, tracking {counters.lost_tracking}, "
        f"recording {counters.lost_recording})"
    ]
    lines += [
        f"{recording.path}: {recording.counters.frames_recorded} frames, {recording.exit_status}"
        for recording in result.recordings
    ]
    return "\n".join(lines)


class StatusLine:
    """Rewrites one line in a terminal; elsewhere prints one every ten seconds.

    Parameters
    ----------
    stream : text stream, optional
        Standard output if not given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        # A program without a terminal, such as one started by a click on Windows, has no output.
        self._stream: TextIO | None = stream if stream is not None else sys.stdout
        self._live = self._stream is not None and self._stream.isatty()
        self._width = 0
        self._due = 0.0

    def show(self, status: SystemStatus) -> None:
        """Show the state of everything."""
        text = describe(status)
        if self._live:
            self._write("\r" + text.ljust(self._width))
            self._width = len(text)
        elif time.monotonic() >= self._due and status.fps > 0:
            self._due = time.monotonic() + _LINE_EVERY_S
            self._write(text + "\n")

    def log(self, entry: LogEntry) -> None:
        """Print a line of the log above the status line."""
        if entry.level < logging.INFO:
            return
        level = "" if entry.level == logging.INFO else f"{logging.getLevelName(entry.level)}: "
        self.say(f"{level}{entry.text} [{entry.process}]")

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._write(("\r" + text.ljust(self._width) if self._live else text) + "\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # Whoever read our output is gone (a closed pipe or terminal); the measurement goes on.
            self._stream = None
