"""DemoCamera in the application and in a bare loop: ``python -m tests.benchmarks.micromanager``.

512² at 1 ms. Bare loop and application take turns in one run, as machines are noisy.
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
_PATIENCE_S = 60.0


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


if __name__ == "__main__":
    main()
