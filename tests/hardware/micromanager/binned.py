"""A run whose camera gets another binning or ROI, in a process of its own: what came of it is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from magscope_app.config.load import load_config
from magscope_app.devices import SettingValue
from magscope_app.messages import (
    LogEntry,
    Message,
    SetCameraSetting,
    StartRecording,
    StopRecording,
    SystemStatus,
)
from magscope_app.processes.options import Listeners, RunOptions, RunResult
from magscope_app.processes.supervisor import Supervisor


class Binned:
    """Runs the line, records, asks for other frames while it does and after it, and records again."""

    def __init__(self, config: Path, name: str, value: SettingValue) -> None:
        self.log: list[str] = []
        self._asked = SetCameraSetting(name, value)
        self._step_number = 0
        beads = "beads.list=[{id=3, x_px=99.5, y_px=63.5, role='reference'}]"
        listeners = Listeners(self._on_log, self._on_status)
        options = RunOptions(headless=True, duration_s=60)
        self._supervisor = Supervisor(load_config(config, [beads]), options, listeners)
        self._due: list[Message | None] = []

    def run(self) -> RunResult:
        return self._supervisor.run()

    def _on_log(self, entry: LogEntry) -> None:
        self.log.append(entry.text)
        if "goes on; end that first" in entry.text:
            self._due += [StopRecording()]

    def _on_status(self, status: SystemStatus) -> None:
        self._step(status, binned=any("is stopped and begun anew" in text for text in self.log))
        while self._due:
            message = self._due.pop(0)
            if message is None:
                self._supervisor.stop()
            else:
                self._supervisor.command(message)

    def _step(self, status: SystemStatus, *, binned: bool) -> None:
        """Go on when what was asked for is seen."""
        if status.counters.frames_acquired < 10:
            return
        if status.recording is None and not self._step_number:
            self._step_number = 1
            self._due += [StartRecording(None, "before")]
        elif status.recording is not None and self._step_number == 1 and status.counters.frames_recorded > 5:
            self._step_number = 2
            self._due += [self._asked]
        elif status.recording is None and self._step_number == 2:
            self._step_number = 3
            self._due += [self._asked]
        elif binned and self._step_number == 3:
            self._step_number = 4
            self._due += [StartRecording(None, "after", "Track and Video (Full)")]
        elif status.recording is not None and self._step_number == 4 and status.counters.frames_recorded > 5:
            self._step_number = 5
            self._due += [StopRecording()]
        elif status.recording is None and self._step_number == 5:
            self._due += [None]


def main(config: str, name: str, value: str) -> None:
    """Run and tell."""
    binned = Binned(Path(config), name, json.loads(value))
    result = binned.run()
    about = {
        "exit_code": result.exit_code,
        "log": binned.log,
        "recordings": [str(finished.path) for finished in result.recordings],
        "acquired": result.counters.frames_acquired,
    }
    print(json.dumps(about))


if __name__ == "__main__":
    main(*sys.argv[1:])
