"""What the whole line manages: from a camera that delivers as fast as it is let, to bead rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import tifffile

from magscope_app.bench.scene import make_scene, usual_noise
from magscope_app.config import Config, LoadedConfig
from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.messages import LogEntry, SystemStatus
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.processes.camera_noise import camera_noise
from magscope_app.processes.handles import TRACKS
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from magscope_app.tracking import ZLUT
from magscope_app.tracking.noise import CameraNoise

_CAMERA = "hardware.replay.camera:ReplayCamera"
#: Frames that the ring holds: enough for every batch, and small enough for any computer.
_RING_FRAMES = 64
#: The first moments are not counted: everything warms up, and the method "fast" makes its references.
_WARM_S = 0.7
#: Rows are looked for so often where their age is asked for.
_LOOK_S = 0.0005
_JOIN_S = 5.0


@dataclass(frozen=True)
class LineResult:
    """What one run of the line did.

    Attributes
    ----------
    frames_per_s : float
        Tracked, once everything was warm.
    frames_acquired, frames_lost : int
        Of the whole run.
    lost_warm : int
        Of these, lost once everything was warm.
    processor : dict
        Processors that each process took, 1 for a whole one.
    age_ms : tuple of float
        From a frame's time stamp to its rows, median and 99th percentile; NaN if not asked for.
    """

    frames_per_s: float
    frames_acquired: int
    frames_lost: int
    lost_warm: int
    processor: dict[str, float]
    age_ms: tuple[float, float] = (float("nan"), float("nan"))


def run_line(
    config: Config,
    form: FrameFormat,
    n_beads: int,
    fps: float | None,
    seconds: float = 3.0,
    *,
    warm_s: float = _WARM_S,
    record: Path | None = None,
    ages: bool = False,
    ring_frames: int = _RING_FRAMES,
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
    warm_s : float
        How much of that is not counted.
    record : Path, optional
        Record the tracks into this folder.
    ages : bool
        Ask how old frames are when their rows are there, which takes a few per cent of a processor.
    ring_frames : int
        Frames that may wait.

    Raises
    ------
    MagscopeError
        The line did not run; the text says why.
    """
    zlut = load_calibration(config.tracking.zlut) if config.tracking.zlut else None
    roi_px = config.beads.roi_px
    looks = zlut if isinstance(zlut, ZLUT) else None
    noise = camera_noise(config, form) or usual_noise(form.bits)
    scene = make_scene(n_beads, roi_px, form, looks, noise)
    with TemporaryDirectory(prefix="magscope-bench-") as folder:
        path = Path(folder) / "frames.tif"
        tifffile.imwrite(path, scene.frames, photometric="minisblack")
        beads = [
            {"id": number, "x_px": float(x0) + roi_px / 2, "y_px": float(y0) + roi_px / 2}
            for number, (x0, y0) in enumerate(scene.corners)
        ]
        looped = _looped(config, noise, path, beads, fps, ring_frames)
        return run_loaded(LoadedConfig(looped, path, b""), seconds, warm_s=warm_s, record=record, ages=ages)


def _looped(
    config: Config,
    noise: CameraNoise,
    path: Path,
    beads: Sequence[dict[str, float]],
    fps: float | None,
    ring_frames: int,
) -> Config:
    rate = fps if fps is not None else 100.0
    kept = config.model_dump(include={"optics", "tracking", "drivers"})
    # The noise that the frames have: a fit that is not told of it takes it for a bead unlike the Z-LUT's.
    known = {name: getattr(noise, name) for name in ("gain_dn_per_e", "offset_dn", "read_noise_e")}
    return Config.model_validate(
        kept
        | {
            "camera": {
                "driver": _CAMERA,
                "path": path,
                "fps": rate,
                "noise": known,
                "exposure_ms": min(1.0, 500.0 / rate),
                "settings": {"every_frame": fps is None, "loop": True},
            },
            "beads": {"roi_px": config.beads.roi_px, "list": beads, "max_beads": max(1, len(beads))},
            "buffer": {
                "seconds": ring_frames / rate,
                "n_images": 8,
                "tracks_rows": max(1000, 400 * len(beads)),
            },
            "supervisor": {"restart": dict.fromkeys(("camera", "tracking", "recording", "motors"), "never")},
        }
    )


class _Watch:
    """Notes what the supervisor tells, and what the processes take of the processors."""

    def __init__(self, warm_s: float) -> None:
        self._warm_s = warm_s
        self.lost_cold = 0
        self.tracked: list[tuple[float, int]] = []
        self.taken: dict[str, list[tuple[float, float]]] = {}
        #: ``perf_counter_ns`` at which the session clock was 0: a status is told a little after its time.
        self.start_ns = time.perf_counter_ns()
        self.warm_from = float("inf")

    def on_log(self, entry: LogEntry) -> None:
        """Errors come back with the result; the rest does not matter here."""

    def on_status(self, status: SystemStatus) -> None:
        """Note how far tracking is."""
        self.start_ns = min(self.start_ns, time.perf_counter_ns() - status.timestamp_ns)
        if not status.acquiring or not status.counters.frames_tracked:
            return
        now = time.perf_counter()
        self.warm_from = min(self.warm_from, now + self._warm_s)
        if now < self.warm_from:
            self.lost_cold = status.counters.frames_lost
            return
        self.tracked.append((now, status.counters.frames_tracked))
        self._note("supervisor", psutil.Process().pid, now)
        for process in status.processes:
            if process.pid is not None:
                self._note(process.name, process.pid, now)

    def _note(self, name: str, pid: int, now: float) -> None:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            return
        self.taken.setdefault(name, []).append((now, times.user + times.system))


def run_loaded(
    loaded: LoadedConfig,
    seconds: float,
    *,
    warm_s: float = _WARM_S,
    record: Path | None = None,
    ages: bool = False,
) -> LineResult:
    """Run a config without a window and measure it; parameters and errors as for `run_line`."""
    watch = _Watch(warm_s)
    options = RunOptions(headless=True, duration_s=seconds, record=record)
    supervisor = Supervisor(loaded, options, Listeners(watch.on_log, watch.on_status))
    seen: list[tuple[float, float]] = []
    if ages:
        with _looking(watch, seen):
            result = supervisor.run()
    else:
        result = supervisor.run()
    if result.error:
        raise MagscopeError(result.error)
    rate = _slope([(at, float(count)) for at, count in watch.tracked])
    taken = {name: _slope(points) for name, points in watch.taken.items() if len(points) > 1}
    counters = result.counters
    age_ms = _ages(seen, watch)
    lost = counters.frames_lost
    return LineResult(rate, counters.frames_acquired, lost, lost - watch.lost_cold, taken, age_ms)


@contextmanager
def _looking(watch: _Watch, seen: list[tuple[float, float]]) -> Iterator[None]:
    """Note when the rows of each frame are there, as (perf_counter_ns, session time of the frame)."""
    ended = threading.Event()

    def look() -> None:
        tracks: MatrixBuffer | None = None
        newest = -1.0
        while not ended.wait(_LOOK_S):
            try:
                tracks = tracks or MatrixBuffer(create=False, locks={TRACKS: threading.Lock()}, name=TRACKS)
            except FileNotFoundError:
                continue
            row = tracks.newest(1)
            if len(row) and row[0, 0] > newest and time.perf_counter() > watch.warm_from:
                newest = float(row[0, 0])
                seen.append((float(time.perf_counter_ns()), float(row[0, 1])))
        if tracks is not None:
            tracks.close()

    thread = threading.Thread(target=look, name="look-for-rows")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_JOIN_S)


def _ages(seen: list[tuple[float, float]], watch: _Watch) -> tuple[float, float]:
    if not seen:
        return float("nan"), float("nan")
    there_ns, taken_ns = np.array(seen).T
    ages_ms = 1e-6 * (there_ns - taken_ns - watch.start_ns)
    return float(np.median(ages_ms)), float(np.percentile(ages_ms, 99))


def _slope(points: list[tuple[float, float]]) -> float:
    if len(points) < 2:
        raise MagscopeError("the line ran too briefly to be measured; close other programs and try again")
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])
