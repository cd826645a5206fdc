"""ROIs per second of the tracking methods against magtrack, on the same images in the same run.

    python -m tests.benchmarks.tracking_speed [--roi 32 64 100 128] [--beads 100] [--frames 40] [--rounds 5]

100 beads with a Z-LUT each move by 0.5 px and 100 nm (standard deviation) around their places. All methods
take turns; what is printed is the best round of each, per core, after everything was built. magtrack gets the
same pixels as float stacks, cut out beforehand, and one Z-LUT for all; it must be
installed (pip install magtrack).
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import time
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT, Tracker, ZLUTSet
from tests.benchmarks import bead_images

PHOTONS_E = 10_000.0
Z_NM = np.arange(-4500.0, -1499.0, 50.0)
#: ROIs that magtrack tracks per round, in batches of so many, which suits it best.
_MAGTRACK_ROIS, _MAGTRACK_BATCH = 400, 100


class Scene:
    """Frames with a square grid of beads, and where their ROIs are."""

    def __init__(self, roi_px: int, n_beads: int, n_frames: int, wide: bool) -> None:
        rng = np.random.default_rng(roi_px)
        margin = 6
        pitch = roi_px + 2 * margin
        across = int(np.ceil(np.sqrt(n_beads)))
        places = np.array([(k % across, k // across) for k in range(n_beads)]) * pitch
        height, width = pitch * (int(places[:, 1].max()) // pitch + 1), pitch * across + 3
        self.rois = places + margin
        self.frames = np.zeros((n_frames, height, width), np.uint16 if wide else np.uint8)
        bits = 12 if wide else 8
        mean = np.column_stack([np.zeros((n_beads, 2)), rng.uniform(-3700, -2300, n_beads)])
        for frame in self.frames:
            xyz = mean + rng.normal(0.0, 1.0, (n_beads, 3)) * (50.0, 50.0, 100.0)
            x_nm, y_nm, z_nm = xyz.T
            images, _ = bead_images.bead_images(x_nm, y_nm, z_nm, pitch, PHOTONS_E, rng, bits)
            for (x0, y0), image in zip(places, images, strict=True):
                frame[y0 : y0 + pitch, x0 : x0 + pitch] = image
        self.noise = bead_images.camera_noise(PHOTONS_E, bits)
        sweep = bead_images.sweep(Z_NM, 12, roi_px, PHOTONS_E, rng, bits)
        self.zlut = ZLUT.from_sweep(sweep, Z_NM)
        self.n_rois = n_frames * n_beads

    def of_each_bead(self) -> ZLUTSet:
        """Return a Z-LUT per bead: the same numbers, but other objects, so that nothing is shared."""
        one = self.zlut
        return ZLUTSet({bead: dataclasses.replace(one) for bead in range(len(self.rois))})


def _magtrack(scene: Scene, roi_px: int) -> Callable[[], int]:
    crops = [frame[y0 : y0 + roi_px, x0 : x0 + roi_px] for frame in scene.frames for x0, y0 in scene.rois]
    stack = np.ascontiguousarray(np.stack(crops[:_MAGTRACK_ROIS], axis=2)).astype(np.float64)
    table = np.vstack([scene.zlut.z_nm, scene.zlut.profiles.T])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        magtrack = importlib.import_module("magtrack")

    def run() -> int:
        for start in range(0, stack.shape[2], _MAGTRACK_BATCH):
            magtrack.stack_to_xyzp(stack[:, :, start : start + _MAGTRACK_BATCH], table)
        return int(stack.shape[2])

    return run


def _tracker(scene: Scene, tracker: Tracker, n_frames: int) -> Callable[[], int]:
    ids: npt.NDArray[np.int64] = np.arange(len(scene.rois))

    def run() -> int:
        tracker.track(scene.frames[:n_frames], scene.rois, bead_ids=ids)
        return n_frames * len(ids)

    return run


def measure(roi_px: int, n_beads: int, n_frames: int, rounds: int, wide: bool) -> None:
    """Print one table."""
    scene = Scene(roi_px, n_beads, n_frames, wide)
    luts = scene.of_each_bead()
    print(f"\n{roi_px} px, {scene.frames.dtype}, {n_beads} beads with a Z-LUT each, {n_frames} frames")
    few = max(1, n_frames // 10)
    runs: dict[str, Callable[[], int]] = {"magtrack": _magtrack(scene, roi_px)}
    trackers = []
    for method, threads, frames in (
        ("qi", 1, few),
        ("full", 1, few),
        ("fast", 1, n_frames),
        ("fast", 2, n_frames),
    ):
        tracker = Tracker(roi_px, luts, scene.noise, method, threads)
        trackers.append(tracker)
        runs[f"{method}, {threads} thread" + "s" * (threads > 1)] = _tracker(scene, tracker, frames)
    for run in runs.values():
        start = time.perf_counter()
        run()
    best = dict.fromkeys(runs, 0.0)
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            done = run()
            best[name] = max(best[name], done / (time.perf_counter() - start))
    for tracker in trackers:
        tracker.close()
    for name, rate in best.items():
        print(f"  {name:<18} {rate:>10,.0f} ROI/s  {1e6 / rate:>8.2f} µs  × {rate / best['magtrack']:.1f}")
    print(f"  two threads × {best['fast, 2 threads'] / best['fast, 1 thread']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--roi", type=int, nargs="+", default=[32, 64, 100, 128])
    parser.add_argument("--beads", type=int, default=100)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wide", action="store_true", help="12 bit in uint16 instead of uint8")
    given = parser.parse_args()
    for roi_px in given.roi:
        measure(roi_px, given.beads, given.frames, given.rounds, given.wide)


if __name__ == "__main__":
    main()
