"""An axis of a lab's own in the whole application: lost, said, kept, reconnected; stopped at every end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hardware.controller import StageController
from tests.hardware.docs.examples import write_examples
from tests.line.running import Dataset, running

PROTOCOLS = """
from magscope_app.errors import MagscopeError


def reconnects(microscope):
    microscope.start_recording("lost")
    microscope.move("stage", 5.0)
    said = []
    with open(microscope.config.session.notes, "w") as file:
        file.write("hang up")
    for attempt in range(200):
        try:
            microscope.move("stage", 5.0 + 0.01 * attempt)
        except MagscopeError as error:
            said.append(str(error))
            break
    assert "does not answer" in said[0], said
    assert microscope.motor_state("stage") == "lost"
    microscope.set_force(10.0)
    microscope.ramp_force(9.0, 4.0)
    assert abs(microscope.force() - 9.0) < 1e-6
    for attempt in range(200):
        try:
            microscope.reconnect("stage")
            break
        except MagscopeError:
            microscope.wait(0.02)
    before = microscope.position("stage")
    assert microscope.move("stage", 6.0) == 6.0
    microscope.note(f"came back at {before:.3f}")
    microscope.stop_recording()


def moves(microscope):
    microscope.move("stage", 19.0, wait=False)
    print("sets off", flush=True)
    while not microscope.wait(0.1):
        pass
"""
CONFIG = """
[session]
notes = "{notes}"
[camera]
driver = "lab_camera:LabCamera"
fps = 50
[optics]
pixel_pitch_um = 5.0
magnification = 50.0
[force]
model = {{ f0_pn = 40.0, decay_mm = 1.6 }}
[recording]
folder = "out"
[[motors]]
name = "magnet"
driver = "hardware.simulated.microscope:SimulatedMagnetHeight"
role = "magnet_height"
lowest = 0.5
[[motors]]
name = "stage"
driver = "lab_stage:LabStage"
limits = [0, 20]
settings = {{ host = "127.0.0.1", port = {port} }}
"""


@pytest.fixture
def controller() -> Iterator[StageController]:
    controller = StageController()
    yield controller
    controller.close()


@pytest.fixture
def config(tmp_path: Path, controller: StageController) -> Path:
    write_examples("connect-a-motor.md", tmp_path)
    write_examples("connect-a-camera.md", tmp_path)
    (tmp_path / "protocols.py").write_text(PROTOCOLS)
    path = tmp_path / "setup.toml"
    notes = (tmp_path / "signal").as_posix()
    path.write_text(CONFIG.format(port=controller.port, notes=notes), encoding="utf-8")
    return path


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_lost_axis_is_said_kept_and_reconnected(config: Path, controller: StageController) -> None:
    signal = config.parent / "signal"
    with running(str(config), "--headless", "--set", "experiment.protocol=protocols:reconnects") as line:
        deadline = time.monotonic() + 60
        while not signal.exists() and time.monotonic() < deadline and line.process.poll() is None:
            time.sleep(0.01)
        controller.hang_up()
        line.wait_for("stage does not answer any more")
        time.sleep(0.3)
        controller.come_back()
        assert line.process.wait(60) == 0, line.output
    assert "ERROR: stage does not answer any more" in line.output
    assert "stage is ready again" in line.output
    dataset = Dataset.only(config.parent / "out")
    events = [(event["state"], event["motor"]) for event in dataset.events() if event["kind"] == "motor"]
    assert ("lost", "stage") in events
    assert events[-1] == ("ready", "stage")
    commands = [event["command"] for event in dataset.events() if event["kind"] == "command"]
    assert {"SetForce", "RampForce", "ReconnectMotor"} <= set(commands)
    assert dataset.about["force"] == {"f0_pn": 40.0, "decay_mm": 1.6}
    assert dataset.counters["frames_lost"] == 0


def test_the_motors_stop_when_the_supervisor_is_killed(config: Path, controller: StageController) -> None:
    controller.speed = 0.5
    with running(str(config), "--headless", "--set", "experiment.protocol=protocols:moves") as line:
        line.wait_for("sets off")
        until(lambda: controller.moving)
        family = line.children()
        line.process.kill()
        until(lambda: not controller.moving)
        assert controller.log[-1] == "STOP"
        for child in family:
            child.wait(10)
