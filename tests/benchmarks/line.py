"""Start, stop and idle cost of the whole line: ``python -m tests.benchmarks.line``.

With a display the window is measured, too.
Prints a table for docs/performance.md. Times are of this machine; run it when nothing else runs.
"""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from magscope_app.config import load_config
from magscope_app.datatypes import MatrixBuffer
from magscope_app.messages import SystemStatus
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.supervisor import Supervisor
from tests.line.running import Dataset, Running, errors_against_truth

_REPEATS = 3
_WATCH_S = 10.0


def cpu_share(line: Running, seconds: float = _WATCH_S) -> float:
    """Return the share of one core that all processes of a run use, over some seconds."""

    def used() -> float:
        family = [psutil.Process(line.process.pid), *line.children()]
        return sum(sum(process.cpu_times()[:2]) for process in family)

    before, started = used(), time.monotonic()
    time.sleep(seconds)
    return (used() - before) / (time.monotonic() - started)


def start_and_stop(*arguments: str, ready: str) -> tuple[float, float]:
    """Return the seconds from the command to `ready`, and from Ctrl-C to the end of the last process."""
    line = Running(["run", "demo.toml", *arguments], keep_display="--headless" not in arguments)
    try:
        started = line.wait_for(ready)
        time.sleep(1.0)
        return started, line.end(signal.SIGINT)[1]
    finally:
        line.close()


def watch(*arguments: str, settle_s: float = 3.0) -> float:
    """Return the share of a core of a run that has settled."""
    line = Running(["run", "demo.toml", *arguments], keep_display="--headless" not in arguments)
    try:
        line.wait_for("fps")
        time.sleep(settle_s)
        return cpu_share(line)
    finally:
        line.close()


def accuracy(seconds: float = 10.0) -> str:
    """Record the demo and return the errors against its truth."""
    with TemporaryDirectory() as folder:
        line = Running(
            [
                "run",
                "demo.toml",
                "--headless",
                "--duration",
                str(seconds),
                "--record",
                folder,
                "--name",
                "first",
            ]
        )
        try:
            line.process.wait(60)
        finally:
            line.close()
        dataset = Dataset.only(Path(folder))
        errors = errors_against_truth(dataset)
    rms = np.array([np.sqrt(np.nanmean(error**2, axis=0)) for error in errors.values()])
    finite = min(float(np.isfinite(error).all(axis=1).mean()) for error in errors.values())
    counters = dataset.counters
    return (
        f"{counters['frames_acquired']} frames, {counters['frames_lost']} lost, {len(errors)} beads, "
        f"finite ≥ {finite:.4f}, "
        f"worst rms x {rms[:, 0].max():.2f} y {rms[:, 1].max():.2f} z {rms[:, 2].max():.2f} nm"
    )


def latency(seconds: float = 6.0) -> str:
    """Return how long after a frame's exposure its rows are in the tracks buffer, for the demo at 100 fps."""
    ages_ms: list[float] = []
    offsets_ns: list[int] = []
    ended = threading.Event()

    def on_status(status: SystemStatus) -> None:
        offsets_ns.append(time.perf_counter_ns() - status.timestamp_ns)

    def watch_rows() -> None:
        seen = -1.0
        tracks = None
        while not ended.is_set():
            time.sleep(0.0003)
            if tracks is None:
                try:
                    tracks = MatrixBuffer(create=False, locks={"tracks": threading.Lock()}, name="tracks")
                except FileNotFoundError:
                    continue
            row = tracks.newest(1)
            if len(row) and row[0, 0] > seen:
                seen = row[0, 0]
                ages_ms.append((time.perf_counter_ns() - row[0, 1]) * 1e-6)
        if tracks is not None:
            tracks.close()

    watcher = threading.Thread(target=watch_rows)
    watcher.start()
    options = RunOptions(headless=True, duration_s=seconds)
    Supervisor(load_config("demo.toml"), options, Listeners(lambda entry: None, on_status)).run()
    ended.set()
    watcher.join()
    # The status is timed just before it is told: the smallest difference is the start of the session clock.
    ages = np.array(ages_ms[50:]) - min(offsets_ns) * 1e-6
    return f"median {np.median(ages):.1f} ms, p99 {np.percentile(ages, 99):.1f} ms ({len(ages)} frames)"


def main() -> None:
    """Measure and print."""
    print("exposure to row in the tracks buffer:", latency())
    no_beads = ("--set", "beads.find=false")
    print("demo, 10 s recorded:", accuracy())
    runs = [start_and_stop("--headless", ready="beads found") for _ in range(_REPEATS)]
    print(f"warm start to first tracked frame: {_list(runs, 0)} s; Ctrl-C to the end: {_list(runs, 1)} s")
    print(f"headless, no beads, 100 fps: {100 * watch('--headless', *no_beads):.0f} % of a core")
    print(f"headless, 20 beads, 100 fps: {100 * watch('--headless'):.0f} %")
    slow = ("--set", "camera.fps=1", "--set", "camera.exposure_ms=5")
    print(f"headless, no beads, 1 fps: {100 * watch('--headless', *no_beads, *slow):.1f} %")
    if os.environ.get("DISPLAY"):
        runs = [start_and_stop(ready="the window is open") for _ in range(_REPEATS)]
        print(f"warm start to window: {_list(runs, 0)} s; Ctrl-C to the end: {_list(runs, 1)} s")
        print(f"with the window, no beads, 100 fps: {100 * watch(*no_beads):.0f} %")
        print(f"with the window, 20 beads, 100 fps: {100 * watch():.0f} %")


def _list(runs: list[tuple[float, float]], index: int) -> str:
    values = sorted(run[index] for run in runs)
    return f"median {statistics.median(values):.2f} (" + ", ".join(f"{value:.2f}" for value in values) + ")"


if __name__ == "__main__":
    main()
