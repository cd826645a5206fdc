"""The installed application: built as a wheel, in a clean environment, started from a confusing place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.line.running import ROOT, environment

pytestmark = pytest.mark.timeout(300)

#: What a wheel is made of.
SOURCES = ("magscope_app", "hardware", "gui", "config", "pyproject.toml", "README.md", "LICENSE")
DRIVER = '''
"""A camera of a lab's own: a grey ramp."""
import time

from magscope_app.devices import Camera, FrameFormat, FrameInfo


class RampCamera(Camera):
    def open(self):
        self.number = 0

    @property
    def format(self):
        return FrameFormat(width_px=96, height_px=64, bits=8)

    def start(self):
        self.number = 0

    def read_into(self, buffer, timeout_s):
        time.sleep(min(timeout_s, 1.0 / self.context.config.camera.fps))
        buffer[:] = range(96)
        self.number += 1
        return FrameInfo(self.number, time.perf_counter_ns())

    def stop(self):
        pass

    def close(self):
        pass
'''
SETUP = """
[drivers]
path = ["drivers"]
[camera]
driver = "ramp:RampCamera"
fps = 50
[optics]
pixel_pitch_um = 5.0
magnification = 50.0
"""


def _run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        # The first start compiles the kernels, which takes long on a computer that others use too.
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of a clean environment that holds the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        entry = ROOT / name
        if entry.is_dir():
            shutil.copytree(entry, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(entry, source / name)
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    home = folder / "environment"
    venv.create(home, with_pip=False)
    names = {"base": str(home), "platbase": str(home), "installed_base": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=names))
    # The libraries come from this environment; its own .pth files are not read, so no checkout sneaks in.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    commands = Path(sysconfig.get_path("scripts", "venv", vars=names))
    python = commands / ("python.exe" if os.name == "nt" else "python")
    _run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "-q",
        wheel,
        cwd=folder,
    )
    return commands


@pytest.fixture
def intruded(tmp_path: Path) -> Path:
    """Return a folder with a `gui` and a `hardware` that are not ours."""
    for intruder in ("gui", "hardware"):
        (tmp_path / intruder).mkdir()
        (tmp_path / intruder / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    return tmp_path


@pytest.fixture
def own_setup(tmp_path: Path) -> Path:
    """Return a config beside which a driver lies."""
    folder = tmp_path / "setup"
    (folder / "drivers").mkdir(parents=True)
    (folder / "drivers" / "ramp.py").write_text(DRIVER)
    (folder / "mine.toml").write_text(SETUP)
    return folder / "mine.toml"


def test_wheel_has_its_own_gui_hardware_and_configs(installed: Path, intruded: Path, own_setup: Path) -> None:
    done = _run(installed / "python", "-m", "magscope_app", "check", "demo.toml", cwd=intruded)
    assert "no problems found" in done.stdout
    done = _run(installed / "python", "-m", "magscope_app", "devices", cwd=intruded)
    assert "hardware.simulated" in done.stdout
    done = _run(installed / "magscope-app", "check", own_setup, cwd=intruded)
    assert "no problems found" in done.stdout


@pytest.mark.slow  # an installation of its own compiles its kernels
def test_wheel_runs_the_demo_and_a_driver_that_lies_beside_its_config(
    installed: Path, intruded: Path, own_setup: Path
) -> None:
    for config, seconds in (("demo.toml", "3"), (own_setup, "1")):
        done = _run(
            installed / "magscope-app", "run", config, "--headless", "--duration", seconds, cwd=intruded
        )
        assert ", 0 lost" in done.stdout
        assert ("20 beads found" in done.stdout) == (config == "demo.toml")
