"""The drivers in the documents pass the contract, run as the documents say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hardware.controller import StageController
from tests.hardware.docs.examples import config_of, write_examples

ROOT = Path(__file__).resolve().parents[3]
OPTICS = "[optics]\npixel_pitch_um = 5.0\nmagnification = 50.0\n"
SIMULATED = '[camera]\ndriver = "hardware.simulated.microscope:SimulatedCamera"\nfps = 100\n'


def run_contract(folder: Path, test: str) -> str:
    done = run_pytest(folder, test)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_pytest(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", test],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def controller() -> Iterator[StageController]:
    controller = StageController()
    yield controller
    controller.close()


def test_the_motor_of_the_document_passes_its_contract(tmp_path: Path, controller: StageController) -> None:
    driver, _ = write_examples("connect-a-motor.md", tmp_path)
    motor = config_of("connect-a-motor.md").replace("192.168.1.20", "127.0.0.1")
    motor = motor.replace("port = 5000", f"port = {controller.port}")
    (tmp_path / "my_setup.toml").write_text(SIMULATED + OPTICS + motor, encoding="utf-8")
    assert " passed" in run_contract(tmp_path, "test_lab_stage.py")
    code = [line for line in driver.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 55
    assert controller.log.count("HOME") == 2


def test_the_camera_of_the_document_passes_its_contract(tmp_path: Path) -> None:
    driver, _ = write_examples("connect-a-camera.md", tmp_path)
    config = config_of("connect-a-camera.md") + OPTICS
    (tmp_path / "my_setup.toml").write_text(config, encoding="utf-8")
    assert " passed" in run_contract(tmp_path, "test_lab_camera.py")
    code = [line for line in driver.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 55


def test_a_contract_without_a_device_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from magscope_app.devices.testing import CameraContract\n\n\nclass TestMine(CameraContract): pass\n"
    )
    done = run_pytest(tmp_path, "test_mine.py")
    assert done.returncode == 1
    assert "TestMine does not say how its device is made: give it a fixture make" in done.stdout
    assert "passed" not in done.stdout
