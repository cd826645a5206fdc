"""A camera that is started again goes on with what was set by hand."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from magscope_app.config import load_config
from magscope_app.messages import LogEntry, SetCameraSetting, SystemStatus
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from tests.line.running import Dataset

SMALL = ["camera.roi_px=[0,0,320,256]", "simulation.n_beads=2", "simulation.n_reference=1"]


@pytest.mark.slow
def test_what_was_set_by_hand_outlives_the_camera_process(tmp_path: Path) -> None:
    log: list[str] = []
    killed: list[int] = []

    def set_by_hand(status: SystemStatus) -> None:
        changed = sum("the camera's" in text for text in log)
        acquired = status.counters.frames_acquired
        if acquired and not killed and not changed:
            supervisor.command(SetCameraSetting("exposure_ms", 8.0))
            supervisor.command(SetCameraSetting("gain_dn_per_e", 0.0125))
        elif changed == 2 and not killed:
            (pid,) = [process.pid for process in status.processes if process.name == "camera"]
            assert pid is not None
            killed.append(acquired)
            psutil.Process(pid).kill()
        elif killed and changed == 2 and any("camera process runs again" in text for text in log):
            # The camera answers with all its settings: one that was not restored would count as changed too.
            supervisor.command(SetCameraSetting("contrast", 0.4))
        elif changed > 2:
            supervisor.stop()

    def on_log(entry: LogEntry) -> None:
        log.append(entry.text)

    loaded = load_config("demo.toml", SMALL)
    options = RunOptions(duration_s=40, record=tmp_path, headless=True)
    supervisor = Supervisor(loaded, options, Listeners(on_log, set_by_hand))
    result = supervisor.run()
    assert killed, log
    said = "the camera process runs again, with exposure_ms = 8, gain_dn_per_e = 0.0125 as before"
    assert said in log
    assert "the camera's exposure_ms is 8 ms now, before 5 ms" in log
    assert result.counters.frames_acquired > killed[0]
    events = Dataset.only(tmp_path).events()
    set_to = [(event["name"], event["value"]) for event in events if event["kind"] == "setting"]
    assert set_to == [("exposure_ms", 8.0), ("gain_dn_per_e", 0.0125), ("contrast", 0.4)]
    (again,) = [event for event in events if event["kind"] == "process restarted"]
    assert again["settings"] == {"exposure_ms": 8.0, "gain_dn_per_e": 0.0125}
