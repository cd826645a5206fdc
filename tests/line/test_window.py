"""The window on the whole real line: add a bead by click, see its trace, record, close."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from magscope_app.config import load_config
from magscope_app.messages import LogEntry, NextRecording, RenameRecording, SystemStatus
from magscope_app.processes import children
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from tests.line.running import Dataset, require_identities
from tests.line.window_driver import REPORT

SMALL = [
    "camera.roi_px=[0,0,512,384]",
    "simulation.n_beads=4",
    "simulation.n_reference=1",
    "simulation.seed=3",
]


def test_window_is_driven_as_a_person_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv(REPORT, str(tmp_path / "report.json"))
    monkeypatch.setitem(children.TARGETS, "gui", "tests.line.window_driver:run")
    loaded = load_config("demo.toml", [*SMALL, f"recording.folder={(tmp_path / 'out').as_posix()}"])
    assert loaded.config.tracking.zlut is not None
    shutil.copy(loaded.config.tracking.zlut, tmp_path / "z1.npz")
    log: list[LogEntry] = []
    result = Supervisor(loaded, RunOptions(duration_s=30), Listeners(log.append, lambda status: None)).run()
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert "error" not in report, [entry.text for entry in log]
    assert result.exit_code == 0, result.error
    assert "Bead 5" in report["title"]
    (recording,) = result.recordings
    assert recording.exit_status == "completed"
    dataset = Dataset.only(tmp_path / "out")
    assert dataset.path == recording.path
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["frames_recorded"] > 50
    assert set(dataset.column("tracking/bead_ids")) == {0, 1, 2, 5}
    assert dataset.about["roi_px"] == 48
    assert dataset.path.name.endswith("_renamed")
    events = {event["kind"]: event for event in dataset.events()}
    assert events["note"]["text"] == "magnet was touched"
    assert 0 < events["note"]["frame_id"] < dataset.column("tracking/frame_ids")[-1]
    settings = [event for event in dataset.events() if event["kind"] == "setting"]
    assert [(event["name"], event["before"], event["value"]) for event in settings] == [
        ("exposure_ms", 5.0, 4.0),
        ("gain_dn_per_e", 0.012, 0.0125),
    ]
    assert result.counters.frames_lost == result.counters.lost_upstream
    said = [entry.text for entry in log]
    assert any(text.startswith("recording has begun: Track into ") for text in said)
    assert any(text.startswith("recording has ended (completed): ") for text in said)
    _start_from_the_saved_config(tmp_path, dataset)


def _start_from_the_saved_config(folder: Path, before: Dataset) -> None:
    """A start from what "save as config" wrote has the state of the run that wrote it."""
    loaded = load_config(str(folder / "saved.toml"), [])
    assert loaded.config.tracking.zlut == folder / "z1.npz"
    options = RunOptions(duration_s=0.5, headless=True, record=folder / "again")
    result = Supervisor(loaded, options, Listeners(lambda entry: None, lambda status: None)).run()
    assert result.exit_code == 0, result.error
    dataset = Dataset.only(folder / "again")
    changed = {"exposure_ms": 4.0, "gain_dn_per_e": 0.0125, "background_e": 8000.0 * 4 / 5}
    assert dataset.about["camera"]["settings"] == before.about["camera"]["settings"] | changed
    assert dataset.about["roi_px"] == 48
    assert [bead["id"] for bead in dataset.about["beads"]] == [0, 1, 2, 5]
    assert [entry.name for entry in (dataset.path / "zluts").iterdir()] == ["z1.npz"]


@pytest.mark.slow
def test_a_killed_window_comes_back_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    report = tmp_path / "report.json"
    monkeypatch.setenv(REPORT, str(report))
    monkeypatch.setitem(children.TARGETS, "gui", "tests.line.window_driver:run_and_look")
    loaded = load_config("demo.toml", SMALL)
    log: list[str] = []
    killed: list[int] = []

    def on_status(status: SystemStatus) -> None:
        (pid,) = [process.pid for process in status.processes if process.name == "gui"]
        if status.recording and "the window is open" in log and not killed and pid is not None:
            supervisor.command(RenameRecording("renamed"))
            supervisor.command(NextRecording(tmp_path / "next", "after_kill", "Video (ROIs)"))
            killed.append(pid)
            psutil.Process(pid).kill()
        elif killed and report.exists():
            supervisor.stop()

    options = RunOptions(duration_s=40, record=tmp_path / "out")
    supervisor = Supervisor(loaded, options, Listeners(lambda entry: log.append(entry.text), on_status))
    result = supervisor.run()
    assert killed, log
    assert log.count("the window is open") == 2
    assert result.exit_code == 0, result.error
    assert result.counters.frames_lost == 0
    assert Dataset.only(tmp_path / "out").about["exit_status"] == "completed"
    seen = json.loads(report.read_text(encoding="utf-8"))
    assert seen["notice"].startswith("this window was opened again: the gui process ended unexpectedly")
    assert seen["next"] == [str(tmp_path / "next"), "after_kill", "Video (ROIs)"]
    assert Dataset.only(tmp_path / "out").path.name.endswith("_renamed")
    shown = [text for text in log if text in seen["log"]]
    assert any(text.startswith("recording has begun") for text in shown)
    assert shown.count("the window is open") == 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can be stopped like this here")
def test_a_window_that_stands_still_for_ten_seconds_costs_no_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    loaded = load_config("demo.toml", SMALL)
    stopped: list[float] = []
    went_on: list[float] = []

    def on_status(status: SystemStatus) -> None:
        (pid,) = [process.pid for process in status.processes if process.name == "gui"]
        now_s = time.monotonic()
        if status.recording_seconds > 1.0 and not stopped and pid is not None:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(now_s)
        elif stopped and not went_on and now_s > stopped[0] + 10.0 and pid is not None:
            os.kill(pid, signal.SIGCONT)
            went_on.append(now_s)
        elif went_on and now_s > went_on[0] + 2.0:
            supervisor.stop()

    options = RunOptions(duration_s=60, record=tmp_path)
    supervisor = Supervisor(loaded, options, Listeners(lambda entry: None, on_status))
    result = supervisor.run()
    assert went_on
    assert result.exit_code == 0, result.error
    dataset = Dataset.only(tmp_path)
    assert dataset.about["exit_status"] == "completed"
    require_identities(dataset.counters, dataset.about["ledger"])
    lost = ("lost_ring", "lost_tracking", "lost_recording")
    assert [dataset.counters[name] for name in lost] == [0, 0, 0]
    assert dataset.counters["frames_recorded"] > 900
