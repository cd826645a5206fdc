"""Processes that die or hang while a run goes on: what is lost is counted, the rest goes on."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from magscope_app.storage import open_dataset
from tests.line.running import SMALL, Dataset, require_identities, running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals stop and kill the processes")

#: A ring that outlasts the start of a process on a busy machine.
_FAST = (*SMALL, "--set", "supervisor.heartbeat_s=0.5", "--set", "buffer.seconds=15")


def _record(folder: Path, *faults: tuple[str, int]) -> tuple[Dataset, str]:
    """Record a run in which one process after the other is sent a signal and comes back."""
    with running("demo.toml", "--headless", "--record", str(folder), *_FAST) as line:
        line.wait_for("beads found")
        victims = {name: line.child(name) for name, _ in faults}
        for name, number in faults:
            time.sleep(0.3)
            victims[name].send_signal(number)
            line.wait_for(f"the {name} process runs again")
        time.sleep(0.3)
        code, _ = line.end(signal.SIGTERM)
        assert code == 0, line.output
    return Dataset.only(folder), line.output


@pytest.mark.slow
def test_killed_processes_come_back_and_every_frame_is_accounted_for(tmp_path: Path) -> None:
    order = ("tracking", "recording", "camera")
    dataset, output = _record(tmp_path, *((name, signal.SIGKILL) for name in order))
    require_identities(dataset.counters, dataset.about["ledger"])
    # Tracking goes on with the frame it had reached; only the camera's absence costs frames, and what the
    # recorder held in its hands.
    assert dataset.counters["lost_tracking"] == 0, output
    assert dataset.counters["lost_upstream"] > 0
    # The simulated camera may lose frames of itself on a busy machine.
    (gap,) = [gap for gap in dataset.about["ledger"] if gap["where"] == "camera" and "away" in gap["why"]]
    frames = open_dataset(dataset.path).frames()
    assert len(frames) == dataset.counters["frames_recorded"]
    # The gap in time is the gap that was booked.
    pauses_s = np.diff(frames["t_ns"].astype(float)) * 1e-9
    assert pauses_s.max() * 100 == pytest.approx(gap["count"] + 1, abs=2)
    kinds = [(event["kind"], event["process"]) for event in dataset.events() if "process" in event]
    assert kinds == [(kind, name) for name in order for kind in ("process died", "process restarted")]


@pytest.mark.slow
def test_a_process_that_keeps_dying_is_started_after_growing_pauses(tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(_DYING, encoding="utf-8")
    given = ("--set", "camera.driver=dying:Dying", "--set", f"drivers.path=[{str(tmp_path)!r}]")
    with running("demo.toml", "--headless", *_FAST, *given, "--set", "beads.find=false") as line:
        line.wait_for("the cable is broken (dying.py:4); it is started again in 0.1 s")
        line.wait_for("the camera process runs again")
        line.wait_for("it is started again in 0.5 s")
        line.end(signal.SIGTERM)
    assert "Traceback" not in line.output


_DYING = """from hardware.simulated.microscope import SimulatedCamera
class Dying(SimulatedCamera):
    def read_into(self, buffer, timeout_s):
        raise RuntimeError("the cable is broken")
"""
