"""Frames per second of the simulated camera on one core: ``python -m tests.benchmarks.twin``.

Processor time is counted, not time on the clock: other programs beside it matter less.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hardware.simulated.microscope import SimulatedCamera
from magscope_app.devices import CameraContext
from tests.hardware.simulated.twin import twin_config

_ROUNDS = 7
#: Name, sides of the frame, beads, further keys of [simulation].
_CASES: tuple[tuple[str, int, int, dict[str, Any]], ...] = (
    ("512², 20 beads", 512, 20, {}),
    ("512², 20 beads of 12 sizes", 512, 20, {"bead_radius_sd_nm": 20.0}),
    ("2048², 200 beads", 2048, 200, {}),
    ("2048², 200 beads of 12 sizes", 2048, 200, {"bead_radius_sd_nm": 20.0}),
)


def reader(side_px: int, n_beads: int, simulation: dict[str, Any]) -> Callable[[], object]:
    """Return what draws the next frame."""
    config = twin_config(
        camera={"roi_px": [0, 0, side_px, side_px]},
        simulation={"n_beads": n_beads, "n_reference": 2, **simulation},
        motors={"magnet_height": {}, "magnet_rotation": {}},
    )
    camera = SimulatedCamera(CameraContext(config=config))
    camera.open()
    camera.start()
    buffer = np.empty((side_px, side_px), np.uint8)
    return lambda: camera.read_into(buffer, 1.0)


def fps(read: Callable[[], object], n_frames: int) -> tuple[float, float]:
    """Return frames per second of processor time and of time on the clock."""
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(n_frames):
        read()
    return n_frames / (time.process_time() - processor), n_frames / (time.perf_counter() - clock)


def main() -> None:
    """Measure all cases in turn, and print median and range."""
    readers = {name: reader(side, n, keys) for name, side, n, keys in _CASES}
    for read in readers.values():
        fps(read, 10)
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    for _ in range(_ROUNDS):
        for name, side, _, _ in _CASES:
            rates[name].append(fps(readers[name], 200 if side < 1000 else 30))
    for name, seen in rates.items():
        core, clock = np.array(seen).T
        print(
            f"{name}: {np.median(core):.0f} fps of one core ({core.min():.0f}–{core.max():.0f}), "
            f"{np.median(clock):.0f} on the clock"
        )


if __name__ == "__main__":
    main()
