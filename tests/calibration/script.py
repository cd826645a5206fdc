"""The whole real line, driven by a script that reads what happens and sends commands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from magscope_app.calibration import SweepPlan
from magscope_app.calibration.messages import StartSweep, SweepEnded, SweepProgress
from magscope_app.config import load_config
from magscope_app.feedback.state import LockName, LockState
from magscope_app.messages import LogEntry, Message, SystemStatus
from magscope_app.processes.options import Listeners, RunOptions, RunResult
from magscope_app.processes.supervisor import Supervisor

SMALL = ["camera.roi_px=[0,0,512,384]", "simulation.n_beads=4", "simulation.n_reference=1"]
#: A script that has not ended by then has lost its way; a loaded computer takes its time.
_LONGEST_S = 300
Script = Callable[["ScriptedLine"], Iterator[None]]


class ScriptedLine:
    """Runs a config; the script goes on at all news and a few times a second, and the run ends with it."""

    def __init__(self, folder: Path, script: Script, overrides: list[str], config: str = "demo.toml") -> None:
        self.log: list[str] = []
        self.news: list[Message] = []
        self.status: SystemStatus | None = None
        self.folder = folder
        loaded = load_config(config, [*SMALL, f"recording.folder={folder.as_posix()}", *overrides])
        listeners = Listeners(lambda entry: self._on_log(entry), self._on_status, self._on_news)
        self._supervisor = Supervisor(loaded, RunOptions(headless=True, duration_s=_LONGEST_S), listeners)
        self._script = script(self)
        self._is_acting = False

    def run(self) -> RunResult:
        return self._supervisor.run()

    def send(self, message: Message) -> None:
        self._supervisor.command(message)

    def _on_log(self, entry: LogEntry) -> None:
        self.log.append(entry.text)

    def _on_status(self, status: SystemStatus) -> None:
        self.status = status
        self._go_on()

    def _on_news(self, message: Message) -> None:
        # At once: on a loaded computer the sweep would be over before the next status.
        self.news.append(message)
        self._go_on()

    def _go_on(self) -> None:
        if self._is_acting:
            return
        self._is_acting = True
        try:
            next(self._script)
        except StopIteration:
            self._supervisor.stop()
        finally:
            self._is_acting = False

    # --- for scripts -------------------------------------------------------------------------

    def until_logged(self, text: str) -> Iterator[None]:
        while not any(text in line for line in self.log):
            yield

    def until(self, condition: Callable[[], bool]) -> Iterator[None]:
        while not condition():
            yield

    def until_moving(self, planes: int) -> Iterator[None]:
        """Wait until a sweep has done so many planes."""
        while not any(isinstance(one, SweepProgress) and one.done >= planes for one in self.news):
            yield

    def until_ended(self) -> Iterator[None]:
        while not self.ended:
            yield

    @property
    def ended(self) -> list[SweepEnded]:
        """How sweeps have ended since the last `begin`."""
        return [one for one in self.news if isinstance(one, SweepEnded)]

    def begin(self, plan: SweepPlan, out: Path | None = None) -> None:
        """Start a sweep, and forget what was told of earlier ones."""
        self.news.clear()
        self.send(StartSweep(plan, out))

    def sweep(self, plan: SweepPlan, out: Path | None = None) -> Iterator[None]:
        """Start a sweep and wait until it has ended."""
        self.begin(plan, out)
        yield from self.until_ended()

    def lock(self, name: LockName) -> LockState:
        """Return how a lock is."""
        locks = self.status.locks if self.status is not None else ()
        return next((lock for lock in locks if lock.name == name), LockState(name))

    def position(self, motor: str) -> float:
        """Return where an axis is, from its telemetry; NaN before there is any."""
        telemetry = self._supervisor._segments._handles.telemetry(motor)
        try:
            rows = telemetry.newest(1)
            return float(rows[0, 1]) if len(rows) else math.nan
        finally:
            telemetry.close()

    def worker(self, name: str) -> int:
        """Return the id of a process."""
        assert self.status is not None
        return next(one.pid for one in self.status.processes if one.name == name and one.pid is not None)

    def kept(self) -> list[str]:
        """Return what lies in the folder of datasets, hidden things included."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []
