"""The status line says everything in one line, live in a terminal, now and then elsewhere."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from pathlib import Path

from magscope_app.cli.status_line import StatusLine, describe, summarize
from magscope_app.messages import (
    Counters,
    LogEntry,
    MotorStatus,
    ProcessState,
    RecordingFinished,
    SystemStatus,
)
from magscope_app.processes.options import RunResult

STATUS = SystemStatus(
    timestamp_ns=0,
    acquiring=True,
    fps=99.96,
    beads=20,
    buffer_level=0.031,
    counters=Counters(
        frames_acquired=100, frames_tracked=99, frames_recorded=98, lost_ring=1, lost_tracking=2
    ),
    recording=Path("data"),
    recording_seconds=1.0,
    free_disk_bytes=12_340_000_000,
    processes=(ProcessState("camera", "running"),),
    awake=True,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_everything_is_said() -> None:
    assert describe(STATUS) == "100.0 fps · 20 beads · buffer 3 % · lost 3 · recorded 98 · 12.3 GB free"
    unknown = replace(STATUS, free_disk_bytes=None)
    assert describe(unknown).endswith("lost 3 · recorded 98")
    behind = replace(STATUS, tracking_fps=63.2, buffer_level=0.6)
    assert describe(behind).startswith("100.0 fps (tracking manages 63) · 20 beads · buffer 60 %")
    assert "manages" not in describe(replace(STATUS, tracking_fps=63.2))
    dead = replace(STATUS, recording=None, processes=(ProcessState("motors", "dead"),))
    assert describe(dead).endswith("lost 3 · not recording · 12.3 GB free · motors is DEAD")
    axes = tuple(MotorStatus(name, "lost", "its process has ended") for name in ("focus", "magnet"))
    assert describe(replace(dead, motors=axes)).endswith(
        "12.3 GB free · focus is LOST · magnet is LOST · motors is DEAD"
    )


def test_a_terminal_has_one_live_line_below_the_log() -> None:
    terminal = Terminal()
    line = StatusLine(terminal)
    line.show(STATUS)
    line.show(replace(STATUS, fps=5.0))
    line.log(LogEntry(0, "camera", logging.WARNING, "careful"))
    line.log(LogEntry(0, "camera", logging.DEBUG, "not for the user"))
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text.count("\r") == 3
    assert "\rWARNING: careful [camera]" in text
    assert "not for the user" not in text


def test_a_file_gets_a_line_now_and_then() -> None:
    file = io.StringIO()
    line = StatusLine(file)
    for _ in range(5):
        line.show(STATUS)
    line.show(replace(STATUS, fps=0.0))
    assert file.getvalue() == describe(STATUS) + "\n"


def test_output_that_is_gone_stops_nothing() -> None:
    line = StatusLine(Broken())
    line.say("nobody reads this")
    line.show(STATUS)
    line.log(LogEntry(0, "camera", logging.ERROR, "nor this"))


def test_the_summary_names_losses_and_datasets() -> None:
    finished = RecordingFinished(Path("data/first"), "completed", Counters(frames_recorded=98))
    said = summarize(RunResult(0, STATUS.counters, 2.0, (finished,)))
    assert said.splitlines() == [
        "100 frames acquired in 2.0 s (50.0 fps), 99 tracked, 3 lost "
        "(camera 0, ring 1, tracking 2, recording 0)",
        f"{Path('data/first')}: 98 frames, completed",
    ]
