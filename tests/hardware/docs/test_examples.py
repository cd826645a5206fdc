"""The drivers in the documents pass the contract, run as the documents say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from magscope_app.cli.main import main
from magscope_app.kernel_cache import kernel_cache_folder
from magscope_app.processes.preflight import load_ready
from tests.hardware.controller import StageController
from tests.hardware.docs.examples import commands_of, write_config, write_examples

ROOT = Path(__file__).resolve().parents[3]


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
    config = write_config("connect-a-motor.md", tmp_path)
    load_ready(str(config), [], None, None)
    here = config.read_text().replace("192.168.1.20", "127.0.0.1")
    config.write_text(here.replace("port = 5000", f"port = {controller.port}"))
    assert " passed" in run_contract(tmp_path, "test_lab_stage.py")
    code = [line for line in driver.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 55
    assert controller.log.count("HOME") == 2


def test_the_camera_of_the_document_passes_its_contract(tmp_path: Path) -> None:
    driver, _ = write_examples("connect-a-camera.md", tmp_path)
    write_config("connect-a-camera.md", tmp_path)
    assert " passed" in run_contract(tmp_path, "test_lab_camera.py")
    code = [line for line in driver.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 55


def test_the_command_of_the_document_opens_its_camera_and_compiles_no_tracker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_examples("connect-a-camera.md", tmp_path)
    write_config("connect-a-camera.md", tmp_path)
    (check,) = [command for command in commands_of("connect-a-camera.md") if "--connect" in command]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # A computer on which nothing was compiled yet.
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    kernel_cache_folder.cache_clear()
    try:
        code = main(check)
    finally:
        kernel_cache_folder.cache_clear()
    out = capsys.readouterr().out
    assert code == 0
    assert "640 × 480 px, 12 bit, 1 setting\n" in out
    assert "compiling" not in out


@pytest.mark.parametrize("document", ["connect-a-camera.md", "connect-a-motor.md"])
def test_a_document_has_one_config_for_all_its_commands(document: str, tmp_path: Path) -> None:
    name = write_config(document, tmp_path).name
    commands = commands_of(document)
    assert [command[0] for command in commands] == ["devices", "check", "run"]
    assert all(name in command for command in commands[1:])


def test_a_contract_without_a_device_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from magscope_app.devices.testing import CameraContract\n\n\nclass TestMine(CameraContract): pass\n"
    )
    done = run_pytest(tmp_path, "test_mine.py")
    assert done.returncode == 1
    assert "TestMine does not say how its device is made: give it a fixture make" in done.stdout
    assert "passed" not in done.stdout
