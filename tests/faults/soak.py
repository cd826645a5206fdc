"""Hours of a run, watched: ``python -m tests.faults.soak FOLDER N_FRAMES`` plays ten hours in minutes.

Writes one line per sample to FOLDER/soak.csv and a plot beside it, which docs/reliability.md shows.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from magscope_app.config import load_config
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.messages import LogEntry, SystemStatus
from magscope_app.processes.options import Listeners, RunOptions, RunResult
from magscope_app.processes.preflight import compile_targets
from magscope_app.processes.supervisor import Supervisor
from tests.faults.sources import PatientCamera, centres

_ROI_PX = 32
_EVERY_S = 2.0
_SHM = Path("/dev/shm")
#: Ten hours at 100 fps.
TEN_HOURS = 3_600_000


@dataclass(frozen=True)
class Sample:
    """One look at a process of the run.

    Attributes
    ----------
    seconds : float
        Since the first frame.
    process : str
        Its name.
    frames, lost : int
        Acquired and lost until then.
    memory_mb : float
        Memory that is this process's own.
    open_files, segments : int
        File descriptors of the process, shared-memory segments of all.
    processor : float
        Processors it has taken since the last look.
    latency_ms : float
        Age of the frames that are waiting for tracking: how full the ring is, at the rate now.
    """

    seconds: float
    process: str
    frames: int
    lost: int
    memory_mb: float
    open_files: int
    segments: int
    processor: float
    latency_ms: float


class Watch:
    """Takes samples, and ends the run after so many frames."""

    def __init__(self, n_frames: int | None, ring_frames: int) -> None:
        self.samples: list[Sample] = []
        self.log: list[str] = []
        self.supervisor: Supervisor | None = None
        self._n_frames, self._ring_frames = n_frames, ring_frames
        self._began = self._due = 0.0
        self._taken: dict[str, tuple[float, float]] = {}

    def on_log(self, entry: LogEntry) -> None:
        """Keep what was said."""
        self.log.append(entry.text)

    def on_status(self, status: SystemStatus) -> None:
        """Look at every process, now and then."""
        now = time.monotonic()
        if not status.acquiring or now < self._due or not status.counters.frames_acquired:
            return
        self._began = self._began or now
        self._due = now + _EVERY_S
        for process in (("supervisor", psutil.Process().pid), *((p.name, p.pid) for p in status.processes)):
            if process[1] is not None:
                self._look(process[0], process[1], now, status)
        if self._n_frames is not None and status.counters.frames_acquired >= self._n_frames:
            assert self.supervisor is not None
            self.supervisor.stop()

    def _look(self, name: str, pid: int, now: float, status: SystemStatus) -> None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                own_mb = process.memory_full_info().uss * 1e-6
                times = process.cpu_times()
                open_files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except (psutil.Error, OSError):
            return
        used = times.user + times.system
        before = self._taken.get(name, (now - 1e9, used))
        self._taken[name] = now, used
        self.samples.append(
            Sample(
                round(now - self._began, 1),
                name,
                status.counters.frames_acquired,
                status.counters.frames_lost,
                round(own_mb, 2),
                open_files,
                len(list(_SHM.glob("ms*"))) if _SHM.is_dir() else 0,
                round((used - before[1]) / (now - before[0]), 3),
                round(1e3 * status.buffer_level * self._ring_frames / max(status.fps, 1.0), 2),
            )
        )


def soak(
    folder: Path, *, n_frames: int | None = None, seconds: float | None = None, flat_out: bool = True
) -> tuple[RunResult, Watch]:
    """Record for so many frames or seconds, and watch."""
    x_px, y_px = centres(PatientCamera.FORMAT, _ROI_PX)[0]
    fast = [
        "camera.driver=tests.faults.sources:PatientCamera",
        "camera.roi_px=[0,0,64,48]",
        "camera.fps=4000",
        "camera.exposure_ms=0.1",
        "buffer.seconds=0.25",
        "buffer.n_images=50",
        "beads.find=false",
        f"beads.roi_px={_ROI_PX}",
        f"beads.list=[{{id=0, x_px={x_px}, y_px={y_px}}}]",
    ]
    small = ["camera.roi_px=[0,0,512,384]", "simulation.n_beads=4", "simulation.n_reference=1"]
    chosen = [*(fast if flat_out else small), f"drivers.path=['{Path(__file__).parents[2].as_posix()}']"]
    loaded = load_config("demo.toml", chosen)
    ensure_compiled(compile_targets(loaded.config), print)
    watch = Watch(n_frames, round(loaded.config.buffer.seconds * loaded.config.camera.fps))
    options = RunOptions(headless=True, duration_s=seconds, record=folder)
    watch.supervisor = Supervisor(loaded, options, Listeners(watch.on_log, watch.on_status))
    return watch.supervisor.run(), watch


def growth(samples: list[Sample], process: str) -> dict[str, tuple[float, float]]:
    """Return the median of memory, files, segments, processors and latency early and late in a run."""
    mine = [sample for sample in samples if sample.process == process]
    # The first fifth fills caches; then nothing may grow any more.
    early, late = mine[len(mine) // 5 : 2 * len(mine) // 5], mine[-len(mine) // 5 :]
    names = ("memory_mb", "open_files", "segments", "processor", "latency_ms")
    return {name: (_median(early, name), _median(late, name)) for name in names}


def _median(samples: list[Sample], name: str) -> float:
    values = sorted(float(getattr(sample, name)) for sample in samples)
    return values[len(values) // 2] if values else float("nan")


def write(samples: list[Sample], path: Path) -> None:
    """Write the samples as a table."""
    names = [field.name for field in fields(Sample)]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        rows.writerows([getattr(sample, name) for name in names] for sample in samples)


def main() -> None:
    """Play ten hours, or as many frames as are given."""
    folder = Path(sys.argv[1])
    n_frames = int(sys.argv[2]) if len(sys.argv) > 2 else TEN_HOURS
    started = time.monotonic()
    result, watch = soak(folder, n_frames=n_frames)
    write(watch.samples, folder / "soak.csv")
    print(f"exit code {result.exit_code}, {time.monotonic() - started:.0f} s, {result.counters}")
    print("said:", watch.log)
    for process in dict.fromkeys(sample.process for sample in watch.samples):
        print(process, growth(watch.samples, process))


if __name__ == "__main__":
    main()
