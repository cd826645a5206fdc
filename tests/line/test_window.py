"""The window on the whole real line: add a bead by click, see its trace, record, close."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from magscope_app.config import load_config
from magscope_app.messages import LogEntry
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
    log: list[LogEntry] = []
    result = Supervisor(loaded, RunOptions(duration_s=30), Listeners(log.append, lambda status: None)).run()
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert "error" not in report, [entry.text for entry in log]
    assert result.exit_code == 0, result.error
    assert "Bead 4" in report["title"]
    (recording,) = result.recordings
    assert recording.exit_status == "completed"
    dataset = Dataset.only(tmp_path / "out")
    assert dataset.path == recording.path
    require_identities(dataset.counters, dataset.about["ledger"])
    assert dataset.counters["frames_recorded"] > 50
    assert set(dataset.column("tracking/bead_ids")) == {0, 1, 2, 4}
    assert result.counters.frames_lost == 0
