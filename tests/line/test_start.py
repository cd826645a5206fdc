"""What takes long at the start: who computes is waited for, who waits for a device is not; both is said."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from magscope_app.config import load_config
from magscope_app.kernel_cache import kernel_cache_folder
from magscope_app.messages import LogEntry, NextRecording, SystemStatus
from magscope_app.processes import children
from magscope_app.processes import supervisor as supervisor_module
from magscope_app.processes.options import Listeners, RunOptions, RunResult
from magscope_app.processes.supervisor import Supervisor

SMALL = ["camera.roi_px=[0,0,320,256]", "simulation.n_beads=1", "simulation.n_reference=1"]
CAMERA = """
import os, time
from pathlib import Path

from hardware.simulated.camera import SimulatedCamera

HERE = Path(__file__).parent


def compile_kernels():
    (HERE / "compiled").write_text(str(os.getpid()))


class Camera(SimulatedCamera):
    kernels = (*SimulatedCamera.kernels, "slow_to_open:compile_kernels")

    def open(self):
        assert (HERE / "compiled").is_file()
        until = time.monotonic() + 9.0
        while time.monotonic() < until:
            {meanwhile}
        super().open()
"""
COMPUTES, WAITS = "sum(range(1000))", "time.sleep(0.1)"


class _Start:
    """Starts the line with a camera that takes nine seconds to open, where six are too long."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str) -> None:
        for stamp in kernel_cache_folder().glob("compiled-slow_to_open.*"):
            stamp.unlink()
        (folder / "slow_to_open.py").write_text(CAMERA.format(meanwhile=meanwhile))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setattr(children, "START_TIMEOUT_S", 6.0)
        monkeypatch.setattr(supervisor_module, "START_TIMEOUT_S", 6.0)
        monkeypatch.setattr(supervisor_module, "_TELL_START_S", 1.5)
        driver = ["camera.driver=slow_to_open:Camera", f"drivers.path=['{folder.as_posix()}']"]
        config = load_config("demo.toml", [*SMALL, *driver, f"recording.folder={folder.as_posix()}"])
        self.log: list[LogEntry] = []
        self.free: list[int | None] = []
        listeners = Listeners(self.log.append, self._on_status)
        self.supervisor = Supervisor(config, RunOptions(headless=True, duration_s=30), listeners)

    def run(self) -> RunResult:
        return self.supervisor.run()

    def _on_status(self, status: SystemStatus) -> None:
        self.free.append(status.free_disk_bytes)
        if len(self.free) == 2:
            self.supervisor.command(NextRecording(Path("/dev/shm/not/yet")))
        if status.counters.frames_acquired:
            self.supervisor.stop()


@pytest.mark.slow
def test_who_computes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it, the next recording is ordered onto another disk, which is asked from then on."""
    start = _Start(tmp_path, monkeypatch, COMPUTES)
    result = start.run()
    assert result.error == ""
    assert result.counters.frames_acquired > 0
    said = [entry.text for entry in start.log if "takes" in entry.text and entry.level == logging.WARNING]
    assert any("the start of the devices takes" in text and "camera is starting" in text for text in said)
    # Nobody else has to compile what the camera needs.
    assert (tmp_path / "compiled").read_text() != str(os.getpid())
    if os.path.ismount("/dev/shm"):
        near = 2e8
        assert start.free[0] == pytest.approx(shutil.disk_usage(tmp_path).free, abs=near)
        assert start.free[-1] == pytest.approx(shutil.disk_usage("/dev/shm").free, abs=near)


@pytest.mark.slow
def test_who_waits_for_a_device_is_given_up_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = _Start(tmp_path, monkeypatch, WAITS).run()
    assert result.counters.frames_acquired == 0
    assert (
        result.error
        == "the camera process gave no sign of life for 6 s while it started; is its device there?"
    )
