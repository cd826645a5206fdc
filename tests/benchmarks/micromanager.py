"""DemoCamera in the application and in a bare loop: ``python -m tests.benchmarks.micromanager``.

512² at 1 ms. Bare loop and application take turns in one run, as machines are noisy. Then, while frames come
at this rate, stop-all to an axis in the camera's process whose driver waits for the end of its move.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from magscope_app.experiment import Microscope
from tests.benchmarks.motors import say
from tests.hardware.micromanager import waiting
from tests.hardware.micromanager.listening import VARIABLE
from tests.line.running import Dataset, Running

TOML = """
[camera]
driver = "tests.hardware.micromanager.listening:ListeningCamera"
fps = 1000
exposure_ms = 1.0
settings = { adapter = "DemoCamera", device = "DCam", properties = { PixelType = "8bit", BitDepth = 8 } }
[optics]
pixel_pitch_um = 5.0
magnification = 50.0
[buffer]
seconds = 0.5
[beads]
find = false
"""
_STAGE = """
[experiment]
protocol = "tests.benchmarks.micromanager:protocol"
[[motors]]
name = "y"
driver = "tests.hardware.micromanager.waiting:WaitingStageY"
role = "stage_y"
controller = "camera"
limits = [-100000, 100000]
settings = { adapter = "DemoCamera", device = "DXYStage", properties = { Velocity = 0.1 } }
"""
_PATIENCE_S = 60.0
_STOPS = 50


def _loop(seconds: float, theirs: Connection) -> None:
    from pymmcore_plus import CMMCorePlus, _pymmcore

    core = CMMCorePlus()
    core.setAutoShutter(False)
    core.loadDevice("camera", "DemoCamera", "DCam")
    core.initializeDevice("camera")
    core.setCameraDevice("camera")
    core.setExposure(1.0)
    core.setCircularBufferMemoryFootprint(64)
    image = np.empty((512, 512), np.uint8)
    n_images = 0
    core.startSequenceAcquisition(2**31 - 1, 0.0, True)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if not core.getRemainingImageCount():
            time.sleep(0.0005)
            continue
        image[...] = core.popNextImageAndMD(fix=False)[0]
        n_images += 1
    core.stopSequenceAcquisition()
    core.unloadAllDevices()
    _pymmcore.CMMCore.registerCallback(core, None)
    theirs.send(n_images / seconds)


def bare(seconds: float) -> float:
    """Return the frames per second of a loop around the core, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_loop, args=(seconds, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds + _PATIENCE_S):
            raise TimeoutError("the bare loop does not end")
        return float(ours.recv())
    finally:
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
        ours.close()


def application(folder: Path, seconds: float) -> tuple[dict[str, int], dict[str, int], list[dict[str, Any]]]:
    """Run the whole application; return its counters, what the camera noted, and the ledger."""
    folder.mkdir(parents=True, exist_ok=True)
    config, numbers = folder / "fast.toml", folder / "numbers.json"
    config.write_text(TOML, encoding="utf-8")
    os.environ[VARIABLE] = str(numbers)
    arguments = ["--headless", "--record", str(folder / "out"), "--duration", str(seconds)]
    line = Running(["run", str(config), *arguments])
    try:
        code = line.process.wait(seconds + _PATIENCE_S)
    finally:
        line.close()
        del os.environ[VARIABLE]
    if code:
        raise SystemExit(line.output)
    dataset = Dataset.only(folder / "out")
    noted: dict[str, int] = json.loads(numbers.read_text())
    return dataset.counters, noted, dataset.about["ledger"]


def protocol(microscope: Microscope) -> None:
    """Stop an axis again and again on its way; note when it was told to."""
    microscope.position("y")
    told_ns = []
    for index in range(_STOPS):
        microscope.move("y", -90_000.0 if index % 2 else 90_000.0, wait=False)
        microscope.wait(0.1 + 0.02 * (index % 7) / 7)
        told_ns.append(time.perf_counter_ns())
        microscope.stop_motors()
        microscope.wait(0.1)
    np.save(Path(microscope.config.recording.folder) / "told_ns.npy", told_ns)


def stops(folder: Path) -> list[float]:
    """Return ms from stop-all to the return of the stage's stop, in the camera's process, at full rate."""
    config, times, numbers = folder / "stops.toml", folder / "stops.json", folder / "numbers.json"
    config.write_text(TOML + f'[recording]\nfolder = "{folder.as_posix()}"\n' + _STAGE, encoding="utf-8")
    os.environ |= {VARIABLE: str(numbers), waiting.VARIABLE: str(times)}
    line = Running(["run", str(config), "--headless"])
    try:
        code = line.process.wait(_PATIENCE_S)
    finally:
        line.close()
        del os.environ[VARIABLE], os.environ[waiting.VARIABLE]
    if code:
        raise SystemExit(line.output)
    done_ns = np.array(json.loads(times.read_text()))
    told_ns = np.load(folder / "told_ns.npy")
    first = done_ns[np.searchsorted(done_ns, told_ns)]
    late_ms: list[float] = ((first - told_ns) * 1e-6).tolist()
    return late_ms


def main(rounds: int = 3, seconds: float = 10.0) -> None:
    """Print the figures for docs/performance.md."""
    ratios = []
    for number in range(rounds):
        alone = bare(seconds)
        with TemporaryDirectory() as folder:
            counters, noted, _ = application(Path(folder), seconds)
        rate = counters["frames_acquired"] / seconds
        ratios.append(rate / alone)
        print(
            f"round {number + 1}: bare loop {alone:.0f} frames/s, application {rate:.0f} frames/s "
            f"({ratios[-1]:.2f}); ImageNumbers missing {noted['missing']}, sequences {noted['sequences']}, "
            f"lost upstream {counters['lost_upstream']}, in the ring {counters['lost_ring']}"
        )
    print(f"median of the ratios: {np.median(ratios):.2f}")
    with TemporaryDirectory() as folder:
        say("stop-all to an axis that moves in the camera's process", stops(Path(folder)))


if __name__ == "__main__":
    main()
