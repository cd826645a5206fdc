"""What the whole line manages: from a camera that delivers as fast as it is let, to bead rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import tifffile

from magscope_app.bench.scene import make_scene
from magscope_app.config import Config, LoadedConfig
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.messages import LogEntry, SystemStatus
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from magscope_app.tracking import ZLUT

_CAMERA = "hardware.replay.camera:ReplayCamera"
#: Frames that the ring holds: enough for every batch, and small enough for any computer.
_RING_FRAMES = 64
#: The first moments are not counted: everything warms up.
_WARM_S = 0.7


@dataclass(frozen=True)
class LineResult:
    """What one run of the line did.

    Attributes
    ----------
    frames_per_s : float
        Tracked, once everything was warm.
    frames_acquired, frames_lost : int
        Of the whole run.
    processor : dict
        Processors that each process took, 1 for a whole one.
    """

    frames_per_s: float
    frames_acquired: int
    frames_lost: int
    processor: dict[str, float]


def run_line(
    config: Config, form: FrameFormat, n_beads: int, fps: float | None, seconds: float = 3.0
) -> LineResult:
    """Track beads in frames that are played in a loop, through all processes.

    Parameters
    ----------
    config : Config
        Gives the tracker and the size of the ROIs.
    form : FrameFormat
        Of the frames.
    n_beads : int
        How many beads are tracked.
    fps : float or None
        Rate of the camera; None: it waits for the ring, nothing is lost, and tracking sets the rate.
    seconds : float
        How long it runs, from the first frame.

    Raises
    ------
    MagscopeError
        The line did not run; the text says why.
    """
    zlut = load_calibration(config.tracking.zlut) if config.tracking.zlut else None
    roi_px = config.beads.roi_px
    scene = make_scene(n_beads, roi_px, form, zlut if isinstance(zlut, ZLUT) else None)
    with TemporaryDirectory(prefix="magscope-bench-") as folder:
        path = Path(folder) / "frames.tif"
        tifffile.imwrite(path, scene.frames, photometric="minisblack")
        beads = [
            {"id": number, "x_px": float(x0) + roi_px / 2, "y_px": float(y0) + roi_px / 2}
            for number, (x0, y0) in enumerate(scene.corners)
        ]
        looped = _looped(config, path, beads, fps)
        return _run(LoadedConfig(looped, path, b""), seconds)


def _looped(config: Config, path: Path, beads: Sequence[dict[str, float]], fps: float | None) -> Config:
    rate = fps if fps is not None else 100.0
    kept = config.model_dump(include={"optics", "tracking", "drivers"})
    return Config.model_validate(
        kept
        | {
            "camera": {
                "driver": _CAMERA,
                "path": path,
                "fps": rate,
                "exposure_ms": min(1.0, 500.0 / rate),
                "settings": {"every_frame": fps is None, "loop": True},
            },
            "beads": {"roi_px": config.beads.roi_px, "list": beads, "max_beads": max(1, len(beads))},
            "buffer": {
                "seconds": _RING_FRAMES / rate,
                "n_images": 8,
                "tracks_rows": max(1000, 400 * len(beads)),
            },
            "supervisor": {"restart": dict.fromkeys(("camera", "tracking", "recording", "motors"), "never")},
        }
    )


class _Watch:
    """Notes what the supervisor tells, and what the processes take of the processors."""

    def __init__(self) -> None:
        self.tracked: list[tuple[float, int]] = []
        self.taken: dict[str, list[tuple[float, float]]] = {}

    def on_log(self, entry: LogEntry) -> None:
        """Errors come back with the result; the rest does not matter here."""

    def on_status(self, status: SystemStatus) -> None:
        """Note how far tracking is."""
        if not status.acquiring or not status.counters.frames_tracked:
            return
        now = time.perf_counter()
        self.tracked.append((now, status.counters.frames_tracked))
        for process in status.processes:
            if process.pid is not None:
                self._note(process.name, process.pid, now)

    def _note(self, name: str, pid: int, now: float) -> None:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            return
        self.taken.setdefault(name, []).append((now, times.user + times.system))


def _run(loaded: LoadedConfig, seconds: float) -> LineResult:
    watch = _Watch()
    options = RunOptions(headless=True, duration_s=seconds)
    result = Supervisor(loaded, options, Listeners(watch.on_log, watch.on_status)).run()
    if result.error:
        raise MagscopeError(result.error)
    rate = _slope([(at, float(count)) for at, count in watch.tracked])
    taken = {name: _slope(points) for name, points in watch.taken.items()}
    counters = result.counters
    return LineResult(rate, counters.frames_acquired, counters.frames_lost, taken)


def _slope(points: list[tuple[float, float]]) -> float:
    warm = [point for point in points if point[0] - points[0][0] >= _WARM_S] if points else []
    if len(warm) < 2:
        raise MagscopeError("the line ran too briefly to be measured; close other programs and try again")
    return (warm[-1][1] - warm[0][1]) / (warm[-1][0] - warm[0][0])
