"""A run of the application in which processes are made to fail, and what came of it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from magscope_app.datatypes import reap_dead_sessions
from tests.faults.table import STATES, Cell, Outcome
from tests.line.running import COMMAND, ROOT, Dataset, Running, lives, require_identities

#: Where what was seen is added, one JSON object per line.
RESULTS = "MAGSCOPE_FAULTS_RESULTS"
#: Short enough to wait for, long enough for a busy machine.
HEARTBEAT_S = 0.3
_BACK_S, _GONE_S = 60.0, 10.0
_SIGNALS = {
    name: getattr(signal, number, 0)
    for name, number in (
        ("killed", "SIGKILL"),
        ("stopped", "SIGSTOP"),
        ("raises", "SIGUSR1"),
        ("loops", "SIGUSR2"),
    )
}


@dataclass
class Seen:
    """What was seen of one fault: seconds until it was said, and until all was well again."""

    process: str
    kind: str
    state: str
    said_s: float | None = None
    back_s: float | None = None
    lost: str = ""
    beside: str = ""


class Rig:
    """One run and the processes in it.

    Parameters
    ----------
    state : str
        One of `STATES`.
    folder : Path
        For everything the run writes.
    window : bool
        With a window, which nobody sees.
    more : sequence of str
        Further arguments.
    """

    def __init__(self, state: str, folder: Path, *, window: bool = False, more: Sequence[str] = ()) -> None:
        self.state = STATES[state]
        self.folder = folder
        (folder / "practice.py").write_text(
            f"def practise(microscope):\n    {self.state.protocol}\n", encoding="utf-8"
        )
        self._orders = folder / "orders"
        protocol = ("--set", "experiment.protocol=practice:practise") if self.state.protocol else ()
        given = [
            *self.state.arguments,
            *("--set", f"supervisor.heartbeat_s={HEARTBEAT_S}"),
            *("--set", "buffer.seconds=20"),
            *("--set", f"drivers.path=['{folder.as_posix()}']"),
            *("--set", f"recording.folder={(folder / 'out').as_posix()}"),
            *protocol,
            *(("--record", str(folder / "out")) if self.state.records else ()),
            *more,
        ]
        extra = {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "injected"), str(ROOT)]),
            "XDG_STATE_HOME": str(folder / "logs"),
            "MAGSCOPE_TEST_FAULTS": "1",
        }
        if window:
            extra["QT_QPA_PLATFORM"] = "offscreen"
        arguments = ["demo.toml", *([] if window else ["--headless"]), *given]
        program = (
            [sys.executable, "-m", "tests.faults.commanded", str(self._orders)]
            if self.state.order
            else [*COMMAND, "run"]
        )
        self.line = Running(arguments, command=program, extra=extra)
        self._family: list[psutil.Process] = []

    def reach(self) -> None:
        """Wait until the line does what it is to do."""
        self.line.wait_for(self.state.ready)
        for name in ("recording", "motors", *(["experiment"] if self.state.protocol else [])):
            self._wait_until(lambda name=name: self.pid(name) is not None, f"{name} runs")
        self._family = self.line.children()

    def order(self) -> None:
        """Begin anew what is to go on beside the line, if something is."""
        if not self.state.order:
            return
        since = len(self.line.lines)
        draft = self._orders.with_suffix(".new")
        draft.write_text(self.state.order, encoding="utf-8")
        draft.replace(self._orders)
        self._wait_for(self.state.under_way, since)
        self._family += [child for child in self._children() if child not in self._family]

    def pid(self, process: str) -> int | None:
        """Return the number of a process as the run's log last said it."""
        if process == "supervisor":
            return self.line.process.pid
        (log,) = self.folder.glob("logs/**/run.log")
        found = re.findall(rf"\b{process} runs \(process (\d+)\)", log.read_text(encoding="utf-8"))
        return int(found[-1]) if found else None

    def cause(self, cell: Cell, stop_s: float) -> Seen:
        """Let one process fail; return when what is expected has been seen."""
        outcome, seen = cell.outcome, Seen(cell.process, cell.kind, cell.state)
        pid = self.pid(cell.process)
        assert pid is not None
        begin = since = len(self.line.lines)
        started = time.monotonic()
        os.kill(pid, _SIGNALS[cell.kind])
        if cell.kind == "stopped" and cell.process == "supervisor":
            time.sleep(stop_s)
            os.kill(pid, signal.SIGCONT)
        if outcome.said:
            since = self._wait_for(outcome.said.format(process=cell.process), since)
            seen.said_s = time.monotonic() - started
        if cell.kind == "stopped" and cell.process != "supervisor":
            # One that was killed by now does not mind.
            time.sleep(max(0.0, started + stop_s - time.monotonic()) if "answers" in outcome.back else 0.0)
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGCONT)
        if outcome.back:
            self._wait_for(outcome.back.format(process=cell.process), since)
            seen.back_s = time.monotonic() - started
        if outcome.also and outcome.ending != "ends the run":
            self._see_beside(outcome, begin, seen)
        elif self.state.holds and outcome.ending != "ends the run":
            assert not any(self.state.holds in line for line in self.line.lines[begin:]), self.line.output
        return seen

    def _see_beside(self, outcome: Outcome, since: int, seen: Seen) -> None:
        """Wait for what becomes of a sweep or lock."""
        line = self.line.lines[self._wait_for(outcome.also, since) - 1]
        seen.beside = line
        focus = re.search(r"focus from (-?\d+) to (-?\d+) nm", line)
        if focus is not None and not outcome.focus_stays:
            assert abs(int(focus[2]) - int(focus[1])) <= 10, line

    def check_sweeps(self) -> None:
        """What is kept of sweeps is what was said to be kept, and nothing is kept by halves."""
        said = sum("sweep kept" in line for line in self.line.lines)
        found = [path.name for path in (self.folder / "out").glob("*")]
        assert len(found) == said + self.state.records, (found, self.line.output)
        assert not any(name.startswith(".") for name in found), found

    def kill(self, process: str) -> None:
        """End a process as kill -9 does."""
        pid = self.pid(process)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def turn_clock_back(self) -> None:
        """Let the wall clock of every process go an hour back."""
        for process in (psutil.Process(self.line.process.pid), *self.line.children()):
            if "spawn_main" in " ".join(process.cmdline()) or process.pid == self.line.process.pid:
                os.kill(process.pid, signal.SIGRTMIN)

    def end(self, cells: Sequence[Cell]) -> float:
        """End the run, see that nothing is left, and return the seconds until all processes were gone."""
        last = cells[-1]
        family = self._family + [child for child in self._children() if child not in self._family]
        started = time.monotonic()
        if last.process == "supervisor" and last.outcome.exit_code == -signal.SIGKILL:
            if last.kind == "loops":
                time.sleep(1.0)
                self.line.process.kill()
            started = time.monotonic()
            code = self.line.process.wait(10)
        else:
            if last.outcome.ending != "ends the run":
                self.line.process.send_signal(signal.SIGTERM)
            code = self.line.process.wait(40)
        while (alive := [one for one in family if lives(one)]) and time.monotonic() - started < _GONE_S:
            time.sleep(0.005)
        ended_s = time.monotonic() - started
        assert not alive, f"left behind: {alive}"
        expected = max((cell.outcome.exit_code for cell in cells), key=abs)
        assert code == expected, f"exit code {code}, not {expected}\n{self.line.output}"
        assert "Traceback" not in self.line.output, self.line.output
        assert last.outcome.also in self.line.output, self.line.output
        reap_dead_sessions()  # as the next start does
        return ended_s

    def dataset(self) -> Dataset | None:
        """Return what was recorded, with its books in order."""
        if not self.state.records:
            return None
        dataset = Dataset.only(self.folder / "out")
        require_identities(dataset.counters, dataset.about["ledger"])
        return dataset

    def _children(self) -> list[psutil.Process]:
        try:
            return self.line.children()
        except psutil.NoSuchProcess:
            return []

    def _wait_for(self, text: str, since: int) -> int:
        """Wait until a new line has `text`; return the place after it."""
        deadline = time.monotonic() + _BACK_S
        while True:
            for index, line in enumerate(list(self.line.lines)[since:], since):
                if text in line:
                    return index + 1
            assert time.monotonic() < deadline, f"{text!r} was not printed:\n{self.line.output}"
            time.sleep(0.01)

    def _wait_until(self, condition: object, what: str) -> None:
        assert callable(condition)
        deadline = time.monotonic() + _BACK_S
        while not condition():
            assert time.monotonic() < deadline, f"gave up waiting until {what}:\n{self.line.output}"
            time.sleep(0.02)


@contextmanager
def rig(state: str, folder: Path, *, window: bool = False, more: Sequence[str] = ()) -> Iterator[Rig]:
    """Start a run; whatever happens, nothing of it is left."""
    made = Rig(state, folder, window=window, more=more)
    try:
        yield made
    finally:
        for child in made._children():
            if child.is_running() and child.status() == psutil.STATUS_STOPPED:
                child.kill()
        made.line.close()
        reap_dead_sessions()


def keep(seen: Sequence[Seen]) -> None:
    """Add what was seen to the file that `RESULTS` names, if it does."""
    if target := os.environ.get(RESULTS):
        with open(target, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(one)) + "\n" for one in seen)
