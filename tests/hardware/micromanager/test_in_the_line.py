"""A configuration of Micro-Manager in the whole application: camera and axes in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from magscope_app.storage import open_dataset
from tests.benchmarks.micromanager import application
from tests.hardware.micromanager.listening import VARIABLE
from tests.hardware.micromanager.test_axes import CFG
from tests.line.running import ROOT, Dataset, environment, require_identities, run, running

TOML = """
[camera]
driver = "tests.hardware.micromanager.listening:ListeningCamera"
fps = 100
exposure_ms = 5.0
roi_px = [0, 0, 256, 128]
settings = { cfg_file = "scope.cfg", label = "Camera", properties = { PixelType = "8bit", BitDepth = 8 } }
[optics]
pixel_pitch_um = 5.0
magnification = 50.0
[recording]
folder = "out"
[[motors]]
name = "focus"
driver = "hardware.micromanager.focus:MicroManagerFocus"
role = "focus"
controller = "camera"
limits = [-5000, 5000]
settings = { cfg_file = "scope.cfg", label = "Z" }
[[motors]]
name = "x"
driver = "hardware.micromanager.xy_stage:MicroManagerStageX"
role = "stage_x"
controller = "camera"
limits = [-1000, 1000]
settings = { cfg_file = "scope.cfg", label = "XY", properties = { Velocity = 0.1 } }
[[motors]]
name = "y"
driver = "tests.hardware.micromanager.waiting:WaitingStageY"
role = "stage_y"
controller = "camera"
limits = [-1000, 1000]
settings = { cfg_file = "scope.cfg", label = "XY" }
[beads]
find = false
"""
PROTOCOLS = """
import time
from magscope_app.errors import MagscopeError


def moves(microscope):
    microscope.start_recording("moves")
    assert microscope.move("focus", 1200.0) == 1200.0
    assert abs(microscope.move("x", 20.0) - 20.0) < 0.1
    for step in range(10):
        microscope.move("focus", 100.0 * step)
    microscope.move("y", 900.0, wait=False)
    microscope.wait(0.3)
    microscope.stop_motors()
    microscope.wait(0.3)
    assert 1.0 < microscope.position("y") < 500.0, microscope.position("y")
    assert microscope.motor_state("y") == "ready", microscope.motor_state("y")
    try:
        microscope.move("focus", 6000.0)
    except MagscopeError as error:
        assert "limits" in str(error)
    else:
        raise AssertionError("beyond its limits")
    microscope.stop_recording()
"""


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "scope.cfg").write_text(CFG)
    (tmp_path / "setup.toml").write_text(TOML)
    (tmp_path / "protocols.py").write_text(PROTOCOLS)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "numbers.json"))
    return tmp_path


@pytest.mark.slow
def test_axes_move_and_stop_in_the_process_of_the_camera_and_no_frame_is_missing(setup: Path) -> None:
    protocol = "experiment.protocol=protocols:moves"
    with running(str(setup / "setup.toml"), "--headless", "--set", protocol) as line:
        assert line.process.wait(60) == 0, line.output
    dataset = Dataset.only(setup / "out")
    assert dataset.counters["frames_lost"] == 0
    assert len(dataset.column("telemetry/focus")) > 10
    assert dataset.column("telemetry/y")[:, 1].max() > 1.0
    noted = json.loads((setup / "numbers.json").read_text())
    assert noted["missing"] == 0
    assert noted["sequences"] == 1
    acquired = int(line.output.partition(" frames acquired")[0].split()[-1])
    assert noted["images"] == acquired


def test_the_devices_answer_in_the_processes_where_they_live(setup: Path) -> None:
    done = run("check", "--connect", str(setup / "setup.toml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "└─ camera" in done.stdout
    assert done.stdout.count(" ok ") == 4
    elsewhere = ("--set", "motors.focus.controller=other")
    refused = run("check", str(setup / "setup.toml"), *elsewhere)
    assert refused.returncode == 2
    assert "the hub DHub of DemoCamera belongs to" in refused.stderr


def changed(setup: Path, name: str, value: str | int) -> tuple[dict[str, Any], str]:
    """Run `binned`; return what it tells, and the log."""
    module = "tests.hardware.micromanager.binned"
    command = [sys.executable, "-m", module, str(setup / "setup.toml"), name, json.dumps(value)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    said = "\n".join(result["log"])
    assert result["exit_code"] == 0, said
    why = "as frames get another size, depth or place on the sensor, and a recording goes on"
    assert f"{name} = {value} begins the run anew, {why}" in said
    # The recording before was not held up for what is refused; afterwards it is tried.
    assert said.count("was stopped to") == 1
    assert open_dataset(result["recordings"][0]).counters["lost_upstream"] == 0
    return result, said


@pytest.mark.slow
def test_another_corner_begins_the_run_anew_with_the_beads_where_they_are(setup: Path) -> None:
    result, said = changed(setup, "roi_x_px", 40)
    assert "roi_x_px = 40 shows another part of the sensor: the run is stopped and begun anew" in said
    before, after = (open_dataset(path) for path in result["recordings"])
    assert after.description["camera"]["format"] == before.description["camera"]["format"]
    assert after.description["beads"] == [{"id": 3, "x_px": 59.5, "y_px": 63.5, "role": "reference"}]


@pytest.mark.slow
def test_another_binning_begins_the_run_anew_with_the_beads_where_they_are(setup: Path) -> None:
    result, said = changed(setup, "Binning", "2")
    assert "Binning = 2 makes frames of 128 × 64 px, 8 bits: the run is stopped and begun anew" in said
    before, after = (open_dataset(path) for path in result["recordings"])
    assert before.description["camera"]["format"]["width_px"] == 256
    assert after.description["camera"]["format"] == {"width_px": 128, "height_px": 64, "bits": 8}
    assert after.video.shape[1:] == (64, 128)
    assert after.description["camera"]["settings"]["Binning"] == "2"
    assert after.description["nm_per_px"] == 2 * before.description["nm_per_px"]
    assert after.description["roi_px"] == before.description["roi_px"] // 2
    assert after.description["beads"] == [{"id": 3, "x_px": 49.5, "y_px": 31.5, "role": "reference"}]
    assert "camera: Binning = 2, while it ran" in after.description["overrides"]
    # The summary of the run counts both parts.
    assert result["acquired"] > max(part.counters["frames_acquired"] for part in (before, after))


@pytest.mark.slow
def test_every_image_number_of_a_minute_at_full_speed_is_accounted_for(tmp_path: Path) -> None:
    counters, noted, ledger = application(tmp_path, 60.0)
    require_identities(counters, ledger)
    assert noted["images"] == counters["frames_acquired"] + counters["lost_ring"]
    assert counters["lost_upstream"] >= noted["missing"]
    if noted["sequences"] == 1:
        assert counters["lost_upstream"] == noted["missing"]
    assert counters["frames_acquired"] > 0
