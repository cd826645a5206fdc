"""Devices and drivers that fail in the line: motors come back unmoved, a camera is given up at last."""

from __future__ import annotations

import re
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil
import pytest

from magscope_app.storage import open_dataset
from tests.faults.rig import rig
from tests.line.running import SMALL, Dataset, lost_here, require_identities, running

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals stop and kill the processes")
_HOUR_S = 3600


@posix
@pytest.mark.slow
def test_motors_that_are_killed_on_their_way_come_back_and_do_not_move(tmp_path: Path) -> None:
    (tmp_path / "moving.py").write_text(
        "def practise(microscope):\n"
        "    try:\n"
        "        microscope.move('magnet', 8.0)\n"
        "    finally:\n"
        "        while not microscope.wait(0.1): pass\n",
        encoding="utf-8",
    )
    # On its way for 20 s: long enough for a process to come back on a busy machine.
    slowly = ("--set", "motors.magnet.speed=0.25")
    with rig("recording", tmp_path, more=(*slowly, "--set", "experiment.protocol=moving:practise")) as run:
        run.reach()
        run.line.wait_for("moving:practise begins")
        time.sleep(1.0)
        run.kill("motors")
        run.line.wait_for("the motors process runs again")
        time.sleep(1.0)
        code, _ = run.line.end(signal.SIGTERM)
        assert code == 0, run.line.output
        path = next((tmp_path / "out").iterdir())
    dataset = open_dataset(path)
    telemetry = dataset.telemetry("magnet")
    position, t_s = telemetry["position"], telemetry["t_ns"] * 1e-9
    pause = int(np.argmax(np.diff(t_s)))
    after = position[pause + 1 :]
    # Stopped where the new process found it, on its way: neither home nor at the target nor at the start.
    assert np.ptp(after) < 0.02
    assert 3.2 < after[-1] < 7.5
    assert after[0] >= position[pause]
    # The camera saw the magnets go on their way, and no jump; on a busy machine a frame comes a little late.
    truth = dataset.truth()
    assert truth is not None
    frames = truth[truth["bead_id"] == 0]
    height_mm = -1.6 * np.log(frames["force_pn"] / 40.0)
    assert np.abs(np.diff(height_mm)).max() < 0.05
    assert height_mm[-1] == pytest.approx(after[-1], abs=0.01)


@posix
@pytest.mark.slow
def test_a_stuck_motor_is_said_and_the_line_goes_on(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(
        "def practise(microscope):\n"
        "    microscope.cause_fault('magnet', 'stuck_motor')\n"
        "    microscope.tracks(20)\n"
        "    try:\n"
        "        microscope.move('magnet', 3.5, timeout_s=20)\n"
        "    except Exception as error:\n"
        "        microscope.note(str(error))\n",
        encoding="utf-8",
    )
    with rig("recording", tmp_path, more=("--set", "experiment.protocol=stuck:practise")) as run:
        assert run.line.process.wait(60) == 1, run.line.output
        (said,) = {line for line in run.line.lines if "magnet did not reach 3.5 mm" in line and "[" in line}
        dataset = run.dataset()
    assert "look at the axis" in said
    assert dataset is not None
    assert lost_here(dataset.counters) == 0


_DYING = """from hardware.simulated.microscope import SimulatedCamera
class Dying(SimulatedCamera):
    def read_into(self, buffer, timeout_s):
        raise RuntimeError("the cable is broken")
class Hanging(SimulatedCamera):
    def read_into(self, buffer, timeout_s):
        while True: pass
"""


@posix
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("policy", ["shutdown", "continue"])
@pytest.mark.parametrize("driver", ["Dying", "Hanging"])
def test_a_camera_that_fails_again_and_again_is_given_up(policy: str, driver: str, tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(_DYING, encoding="utf-8")
    given = [
        *("--set", f"camera.driver=dying:{driver}", "--set", f"drivers.path=[{str(tmp_path)!r}]"),
        *("--set", "supervisor.heartbeat_s=0.3", "--set", f"supervisor.on_child_death={policy}"),
    ]
    with running("demo.toml", "--headless", *given, *SMALL, "--set", "beads.find=false") as line:
        if policy == "shutdown":
            assert line.process.wait(200) == 1, line.output
        else:
            line.wait_for("the others go on, as the config says", timeout_s=200)
            time.sleep(0.5)
            assert line.end(signal.SIGTERM)[0] == 1, line.output
        pauses = re.findall(r"it is started again in ([\d.]+) s", line.output)
    assert pauses == ["0.1", "0.5", "1", "2", "4", "8"], line.output
    assert "Traceback" not in line.output


@pytest.mark.slow
@posix
def test_a_run_that_is_stopped_as_a_whole_goes_on_with_the_same_processes(tmp_path: Path) -> None:
    """Ctrl-Z and fg: nobody takes the others' silence for death."""
    with rig("recording", tmp_path) as run:
        run.reach()
        family = [psutil.Process(run.line.process.pid), *run.line.children()]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for process in family:
                process.send_signal(number)
            time.sleep(4.0 if number == signal.SIGSTOP else 1.0)
        assert run.line.end(signal.SIGTERM)[0] == 0, run.line.output
        dataset = run.dataset()
    assert "was ended" not in run.line.output
    assert "runs again" not in run.line.output
    assert dataset is not None
    # The simulated camera counts the frames that it could not give meanwhile, as a real one does.
    assert dataset.counters["frames_lost"] == dataset.counters["lost_upstream"] > 200


@pytest.mark.skipif(sys.platform != "linux", reason="real-time signals turn the clock back")
@pytest.mark.slow
def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "noting.py").write_text(
        "def practise(microscope):\n    while not microscope.wait(0.1): microscope.note('tick')\n",
        encoding="utf-8",
    )
    with rig("recording", tmp_path, more=("--set", "experiment.protocol=noting:practise")) as run:
        run.reach()
        time.sleep(0.5)
        run.turn_clock_back()
        time.sleep(1.0)
        code, _ = run.line.end(signal.SIGTERM)
        assert code == 0, run.line.output
        dataset = Dataset.only(tmp_path / "out")
        (log,) = tmp_path.glob("logs/**/run.log")
        said = [line.split()[0] for line in log.read_text(encoding="utf-8").splitlines() if line[0] == "2"]
    require_identities(dataset.counters, dataset.about["ledger"])
    assert lost_here(dataset.counters) == 0
    frames = open_dataset(dataset.path).frames()
    steps_ms = np.diff(frames["t_ns"].astype(float)) * 1e-6
    assert 0 < steps_ms.min() <= steps_ms.max() < 100
    moments = [datetime.fromisoformat(text) for text in said]
    assert (max(moments) - min(moments)).total_seconds() < _HOUR_S
    events = dataset.events()
    # Some before and some after.
    assert sum(event["kind"] == "note" for event in events) >= 6
    for name in ("utc", "timestamp_ns"):
        times = [event[name] for event in events]
        assert times == sorted(times)
    assert dataset.about["started"] < dataset.about["stopped"]
