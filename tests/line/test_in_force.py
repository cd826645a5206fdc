"""What was set on the camera reaches those who compute with it, also those that are started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from magscope_app.config import load_config
from magscope_app.messages import LogEntry, Message, MoveMotor, SetCameraSetting, SystemStatus
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from magscope_app.storage import open_dataset

FPS = 10
#: Half a frame without a setting, and what is set.
FIRST_MS, SET_MS = 500.0 / FPS, 90.0
CONFIG = [
    *("camera.roi_px=[0,0,320,256]", "simulation.n_beads=2", "simulation.n_reference=1"),
    *(f"camera.fps={FPS}", "camera.exposure_ms=", "motors.focus.speed=1000.0"),
]


class _Script:
    """Moves the focus all the time, sets the exposure, and kills tracking."""

    def __init__(self, folder: Path) -> None:
        self.log: list[str] = []
        self.tracking = 0
        options = RunOptions(duration_s=60, record=folder, headless=True)
        listeners = Listeners(self._on_log, self._on_status)
        self.supervisor = Supervisor(load_config("demo.toml", CONFIG), options, listeners)
        self._steps = self._live()
        self._acquired = 0
        #: Frame ids at which something had taken effect.
        self.marks: list[int] = []

    def _on_log(self, entry: LogEntry) -> None:
        self.log.append(entry.text)

    def _on_status(self, status: SystemStatus) -> None:
        self.tracking = next((one.pid or 0 for one in status.processes if one.name == "tracking"), 0)
        self._acquired = status.counters.frames_acquired
        if self._acquired:
            next(self._steps, None)

    def _order(self, message: Message) -> None:
        self.supervisor.command(message)

    def _seen(self, text: str) -> Iterator[None]:
        while not any(text in line for line in self.log):
            yield

    def _frames(self, count: int) -> Iterator[None]:
        until = self._acquired + count
        while self._acquired < until:
            yield

    def _live(self) -> Iterator[None]:
        self._order(MoveMotor("focus", 18_000.0))
        yield from self._frames(10)
        self._order(SetCameraSetting("exposure_ms", SET_MS))
        yield from self._seen("the camera's exposure_ms is 90 ms now")
        self.marks.append(self._acquired)
        yield from self._frames(10)
        psutil.Process(self.tracking).kill()
        yield from self._seen("the tracking process runs again")
        self.marks.append(self._acquired)
        yield from self._frames(18)
        self.supervisor.stop()


@pytest.mark.slow
def test_the_focus_of_a_frame_is_that_in_the_middle_of_its_exposure(tmp_path: Path) -> None:
    script = _Script(tmp_path)
    script.supervisor.run()
    assert len(script.marks) == 2, script.log
    (path,) = tmp_path.iterdir()
    data = open_dataset(path)
    telemetry, frames = data.telemetry("focus"), data.frames()
    moving = np.flatnonzero(telemetry["moving"])
    there_ns = np.interp(
        frames["focus_nm"], telemetry["position"][moving], telemetry["t_ns"][moving], np.nan, np.nan
    )
    before_ms = 1e-6 * (frames["t_ns"] - there_ns)
    ids = frames["frame_id"]
    first, second = script.marks
    parts = (ids > 1) & (ids < first - 5), (ids > first + 2) & (ids < first + 10), ids > second + 10
    for part, exposure_ms in zip(parts, (FIRST_MS, SET_MS, SET_MS), strict=True):
        assert np.isfinite(before_ms[part]).sum() > 3
        assert np.nanmedian(before_ms[part]) == pytest.approx(0.5 * exposure_ms, abs=1.0)
