"""A process that died is shown in a warning colour until it is ready again."""

from __future__ import annotations

from pathlib import Path

import psutil

from gui.models.status_fields import StatusFacts, StatusField, status_fields
from magscope_app.config import load_config
from magscope_app.messages import SystemStatus
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor

SMALL = ["camera.roi_px=[0,0,320,256]", "simulation.n_beads=2", "simulation.n_reference=1"]
KILLED = ("recording", "motors")


def _field(status: SystemStatus, key: str) -> StatusField:
    facts = StatusFacts(status, 0.0, 100.0, 0, 0, len(status.motors), motor_states=status.motors)
    return next(field for field in status_fields(facts) if field.key == key)


def _states(statuses: list[SystemStatus], name: str) -> list[str]:
    found = [one.state for status in statuses for one in status.processes if one.name == name]
    return [state for at, state in enumerate(found) if at == 0 or state != found[at - 1]]


def test_from_death_to_readiness(tmp_path: Path) -> None:
    log: list[str] = []
    before: list[SystemStatus] = []
    after: list[SystemStatus] = []

    def is_back(name: str) -> bool:
        return any(f"the {name} process runs again" in text for text in log)

    def on_status(status: SystemStatus) -> None:
        if after or not status.recording or status.counters.frames_recorded < 20:
            (after or before).append(status)
            if after and all(map(is_back, KILLED)) and _field(status, "processes").tone == "calm":
                supervisor.stop()
            return
        after.append(status)
        for process in status.processes:
            if process.name in KILLED and process.pid is not None:
                psutil.Process(process.pid).kill()

    options = RunOptions(duration_s=40, record=tmp_path, headless=True)
    listeners = Listeners(lambda entry: log.append(entry.text), on_status)
    supervisor = Supervisor(load_config("demo.toml", SMALL), options, listeners)
    supervisor.run()
    assert all(map(is_back, KILLED)), log
    # At the first start nothing is wrong.
    assert "restarting" not in {one.state for status in before for one in status.processes}
    assert {_field(status, "processes").tone for status in before} <= {"dim", "calm"}
    for name in KILLED:
        states = _states(after, name)
        assert states[0] == states[-1] == "running"
        assert set(states[1:-1]) <= {"restarting", "slow"}
        assert "restarting" in states
    troubled = [status for status in after if "restarting" in {one.state for one in status.processes}]
    assert {_field(status, "processes").tone for status in troubled} == {"warn"}
    # The axes are in alarm until their process is there again.
    gone = [status for status in after if dict(_named(status))["motors"] == "restarting"]
    assert gone
    assert {_field(status, "motors").tone for status in gone} == {"alarm"}
    assert _field(after[-1], "motors").tone == "calm"


def _named(status: SystemStatus) -> list[tuple[str, str]]:
    return [(process.name, process.state) for process in status.processes]
