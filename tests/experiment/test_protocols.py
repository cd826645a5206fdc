"""Protocols on the whole real line: they move, read, record, and end as they are told."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from magscope_app.config import load_config
from magscope_app.messages import AbortProtocol, LogEntry, StopProtocol, SubmitProtocol, SystemStatus
from magscope_app.processes.options import Listeners, RunOptions, RunResult
from magscope_app.processes.supervisor import Supervisor
from tests.line.running import Dataset, run

PROTOCOLS = '''
import numpy as np
from magscope_app.errors import MagscopeError


def sweep(microscope):
    """Record while the focus takes three steps."""
    assert len(microscope.beads) == 4
    path = microscope.start_recording("sweep", mode="Track")
    for z_nm in (0.0, 500.0, 1000.0):
        at = microscope.move("focus", z_nm, timeout_s=5)
        assert abs(at - z_nm) < 1
        microscope.note(f"at {z_nm:g} nm")
        microscope.rename_recording(f"sweep to {z_nm:g} nm")
        rows = microscope.tracks(10)
        assert len(set(rows[:, 0])) == 10
        assert len(rows) == 40
    microscope.set_camera("exposure_ms", np.float32(4.0))
    finished = microscope.stop_recording()
    assert finished.path == path.with_name(path.name.replace("sweep", "sweep to 1000 nm")), (finished, path)


def refused(microscope):
    said = []
    for attempt in (
        lambda: microscope.move("focus", 1e9),
        lambda: microscope.position("nobody"),
        lambda: microscope.set_camera("exposure_ms", -1.0),
        lambda: microscope.set_camera("exposure_ms", lambda: 3),
        lambda: microscope.note(lambda: 3),
        lambda: microscope.start_recording("a/b"),
        lambda: microscope.start_recording(mode="nonsense"),
        lambda: microscope.start_recording(3),
        lambda: microscope.rename_recording("nothing"),
        lambda: microscope.rename_recording(3),
        lambda: microscope.move("magnet", 10.0, timeout_s=0.1),
    ):
        try:
            attempt()
        except MagscopeError as error:
            said.append(str(error))
    raise RuntimeError(" | ".join(said))


def patient(microscope):
    microscope.move("magnet", 10.0, wait=False)
    while not microscope.wait(0.1):
        pass


def deaf(microscope):
    microscope.move("magnet", 10.0, wait=False)
    microscope.tracks(10**6)
'''
SMALL = ["camera.roi_px=[0,0,512,384]", "simulation.n_beads=4", "simulation.n_reference=1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "protocols.py").write_text(PROTOCOLS)
    return tmp_path


def settings(folder: Path) -> list[str]:
    return [
        *SMALL,
        f"drivers.path=['{folder.as_posix()}']",
        f"recording.folder={(folder / 'out').as_posix()}",
    ]


def test_a_protocol_moves_reads_and_records(folder: Path) -> None:
    overrides = [*settings(folder), "experiment.protocol=protocols:sweep"]
    done = run("run", "demo.toml", "--headless", *[part for key in overrides for part in ("--set", key)])
    assert done.returncode == 0, done.stdout + done.stderr
    dataset = Dataset.only(folder / "out")
    assert dataset.about["exit_status"] == "completed"
    assert dataset.counters["frames_lost"] == 0
    kinds = [event["kind"] for event in dataset.events()]
    assert kinds.count("note") == 3
    assert kinds.count("setting") == 1
    commands = [event for event in dataset.events() if event["kind"] == "command"]
    assert commands[-1]["command"] == "StopRecording"
    assert commands[-1]["frame_id"] >= dataset.counters["frames_recorded"] - 1
    moves = [event for event in dataset.events() if event.get("command") == "MoveMotor"]
    assert [event["position"] for event in moves] == [0.0, 500.0, 1000.0]
    focus_nm = dataset.column("tracking/focus_nm")
    assert focus_nm[0] == pytest.approx(0.0, abs=1)
    assert focus_nm[-1] == pytest.approx(1000.0, abs=1)
    # The beads stay where they are: what moves is the focal plane.
    z_nm = dataset.column("tracking/positions_nm")[:, 2]
    first, last = np.nanmean(z_nm[:8]), np.nanmean(z_nm[-8:])
    assert first - last == pytest.approx(880, abs=30)


def test_what_a_protocol_raises_is_said(folder: Path) -> None:
    overrides = [*settings(folder), "experiment.protocol=protocols:refused"]
    done = run("run", "demo.toml", "--headless", *[part for key in overrides for part in ("--set", key)])
    assert done.returncode == 1
    assert "the protocol protocols:refused failed: RuntimeError: " in done.stderr
    assert "focus cannot go to 1e+09 nm: its limits are -20000 to 20000 nm" in done.stderr
    assert "there is no motor 'nobody'; there is: focus, magnet, rotation" in done.stderr
    assert "exposure_ms = -1" in done.stderr
    assert "SetCameraSetting has a wrong value (<function" in done.stderr
    assert "AddNote cannot be sent to another process: its text is <function" in done.stderr
    assert "'a/b' holds /" in done.stderr
    assert (
        "there is no recording mode 'nonsense'; choose one of Track, Track and Video (ROIs), " in done.stderr
    )
    assert "StartRecording has a wrong name (3)" in done.stderr
    assert "no recording is running that could be renamed" in done.stderr
    assert "RenameRecording has a wrong name (3)" in done.stderr
    assert "magnet did not reach 10 within 0.1 s: it is at" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


class _Commands:
    """Runs the line and sends commands when something was said."""

    def __init__(self, folder: Path, plan: dict[str, object]) -> None:
        self.log: list[str] = []
        self._plan = plan
        self._due: list[tuple[float, object]] = []
        loaded = load_config("demo.toml", settings(folder))
        listeners = Listeners(self._on_log, self._on_status)
        self.supervisor = Supervisor(loaded, RunOptions(headless=True, duration_s=30), listeners)

    def run(self) -> RunResult:
        return self.supervisor.run()

    def _on_log(self, entry: LogEntry) -> None:
        self.log.append(entry.text)
        for text, message in list(self._plan.items()):
            if text in entry.text:
                del self._plan[text]
                self._due.append((time.monotonic() + 0.5, message))

    def _on_status(self, _status: SystemStatus) -> None:
        for due in [due for due in self._due if due[0] < time.monotonic()]:
            self._due.remove(due)
            if due[1] is None:
                self.supervisor.stop()
            else:
                self.supervisor.command(due[1])  # type: ignore[arg-type]  # a plan holds messages


@pytest.mark.slow
def test_protocols_are_begun_ended_and_refused_one_after_the_other(folder: Path) -> None:
    plan: dict[str, object] = {
        "beads found": SubmitProtocol("protocols:nothing"),
        "the module protocols has no function nothing": SubmitProtocol("protocols:patient"),
        "the protocol protocols:patient begins": StopProtocol("protocols:patient"),
        "the protocol protocols:patient has ended": SubmitProtocol("protocols:deaf"),
        "the protocol protocols:deaf begins": AbortProtocol("protocols:deaf"),
        "the protocol protocols:deaf failed": None,
    }
    commands = _Commands(folder, plan)
    commands.run()
    assert plan == {}, commands.log


@pytest.mark.slow
def test_the_end_of_the_run_ends_a_protocol_that_waits(folder: Path) -> None:
    plan: dict[str, object] = {"beads found": SubmitProtocol("protocols:deaf"), "begins": None}
    result = _Commands(folder, plan).run()
    assert result.counters.frames_lost == 0
