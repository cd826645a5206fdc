"""Run the application as a user does, in a process of its own, and read what it wrote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import psutil

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "magscope_app"]
#: Long enough for a cold start on a busy machine.
START_S = 60.0

#: A smaller demo, quicker to start and to record.
SMALL = [
    *("--set", "camera.roi_px=[0,0,512,384]"),
    *("--set", "simulation.n_beads=4"),
    *("--set", "simulation.n_reference=1"),
]

Floats = npt.NDArray[np.float64]


def run(
    *arguments: str, cwd: Path | None = None, timeout_s: float = 100.0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )


def environment() -> dict[str, str]:
    """Return an environment without a display in which the checkout is importable."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    kept = {key: value for key, value in os.environ.items() if key not in screens}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


class Running:
    """A run in progress: its output line by line, its children, its end."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        command: Sequence[str] = COMMAND,
        keep_display: bool = False,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        display = {"DISPLAY": os.environ["DISPLAY"]} if keep_display else {}
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=environment() | {"PYTHONUNBUFFERED": "1"} | display | dict(extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, name="read-output")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def output(self) -> str:
        """What was printed so far."""
        return "\n".join(self.lines)

    def wait_for(self, text: str, timeout_s: float = START_S) -> float:
        """Wait until a line with `text` was printed; return how long that took."""
        started = time.monotonic()
        while not any(text in line for line in list(self.lines)):
            if time.monotonic() - started > timeout_s or self.process.poll() is not None:
                raise AssertionError(f"{text!r} was not printed:\n{self.output}")
            time.sleep(0.01)
        return time.monotonic() - started

    def children(self) -> list[psutil.Process]:
        """Return all processes of the run but the first."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def workers(self) -> list[psutil.Process]:
        """Return the processes of the line, as far as they live."""
        found = []
        for child in self.children():
            try:
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def child(self, target: str) -> psutil.Process:
        """Return the process that has a thread or library only `target` has: found by its order of start."""
        names = ["tracking", "camera", "recording", "motors"]
        workers = self.workers()
        workers.sort(key=lambda child: (child.create_time(), child.pid))
        return workers[names.index(target)]

    def end(self, number: int, timeout_s: float = 20.0) -> tuple[int, float]:
        """Send a signal; return exit code and seconds until everything was gone."""
        family = self.children()
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout_s)
        while any(lives(child) for child in family) and time.monotonic() - started < timeout_s:
            time.sleep(0.005)
        return code, time.monotonic() - started

    def close(self) -> None:
        """Make sure that nothing is left."""
        family = self.children() if self.process.poll() is None else []
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for child in family:
            if child.is_running():
                child.kill()
        self.process.wait(10)
        self._reader.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def lives(process: psutil.Process) -> bool:
    """Return whether a process runs; one that has ended may wait long for the system to take note of it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """Start a run; whatever happens, it is ended."""
    run_in_progress = Running(["run", *arguments])
    try:
        yield run_in_progress
    finally:
        run_in_progress.close()


@dataclass(frozen=True)
class Dataset:
    """What a recording left on the disk."""

    path: Path
    about: dict[str, Any]

    @classmethod
    def only(cls, root: Path) -> Dataset:
        """Read the one dataset below `root`."""
        (path,) = [entry for entry in root.iterdir() if entry.is_dir()]
        return cls(path, json.loads((path / "dataset.json").read_text(encoding="utf-8")))

    @property
    def counters(self) -> dict[str, int]:
        """Frames by what became of them."""
        counters: dict[str, int] = self.about["counters"]
        return counters

    def column(self, name: str, file: str = "tracks.h5") -> npt.NDArray[Any]:
        """Return a table of a tracks file by its path."""
        with h5py.File(self.path / file) as tracks:
            data: npt.NDArray[Any] = tracks[name][:]
            return data

    def frame_of_record(self) -> npt.NDArray[np.int64]:
        """Return the frame id of every record."""
        offsets = self.column("tracking/frame_offsets").astype(np.int64)
        frame_ids = self.column("tracking/frame_ids").astype(np.int64)
        repeated: npt.NDArray[np.int64] = np.repeat(frame_ids, np.diff(offsets))
        return repeated

    def events(self) -> list[dict[str, Any]]:
        """Return the events in order."""
        path = self.path / "events.jsonl"
        return (
            [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if path.exists()
            else []
        )


def errors_against_truth(dataset: Dataset) -> dict[int, Floats]:
    """Return, for every tracked bead, the differences (n, 3) in nm from the bead of the truth it sits on."""
    truth = dataset.column("truth")
    n_beads = len(np.unique(truth[:, 1]))
    table = truth.reshape(-1, n_beads, truth.shape[1])
    frames, bead_ids = dataset.frame_of_record(), dataset.column("tracking/bead_ids")
    positions = dataset.column("tracking/positions_nm")
    errors = {}
    for bead_id in np.unique(bead_ids):
        mine = bead_ids == bead_id
        row = np.searchsorted(table[:, 0, 0], frames[mine])
        first = table[row[0], :, 2:4] - positions[mine][0, :2]
        nearest = int(np.argmin(np.hypot(*first.T)))
        errors[int(bead_id)] = positions[mine] - table[row, nearest, 2:5]
    return errors


def require_identities(counters: dict[str, int], ledger: list[dict[str, Any]]) -> None:
    """Check invariant 1: every frame stands in exactly one place."""
    lost = {where: sum(gap["count"] for gap in ledger if gap["where"] == where) for where in _PLACES}
    assert lost["camera"] == counters["lost_upstream"]
    assert lost["ring"] == counters["lost_ring"]
    assert lost["tracking"] == counters["lost_tracking"]
    assert lost["recording"] == counters["lost_recording"]
    assert counters["frames_acquired"] == counters["frames_tracked"] + counters["lost_tracking"]
    # Where no rows are recorded, nothing is of a frame whose image is left out.
    unrecorded = counters["frames_tracked"] - counters["frames_recorded"] - counters["lost_recording"]
    assert unrecorded in (0, counters["frames_left_out"])
    assert counters["frames_lost"] == sum(gap["count"] for gap in ledger)


def lost_here(counters: dict[str, int]) -> int:
    """Return the losses but for the camera's own: a busy machine costs the simulated one frames, too."""
    return counters["frames_lost"] - counters["lost_upstream"]


_PLACES = ("camera", "ring", "tracking", "recording")


def await_recorded(root: Path, n_frames: int = 1, timeout_s: float = 30.0) -> None:
    """Wait until the one dataset below `root` says that so many frames are recorded."""
    deadline = time.monotonic() + timeout_s
    while not any(root.glob("*/dataset.json")) or Dataset.only(root).counters["frames_recorded"] < n_frames:
        assert time.monotonic() < deadline, f"{root} has no {n_frames} frames"
        time.sleep(0.05)
