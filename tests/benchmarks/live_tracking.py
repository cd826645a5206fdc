"""Limit of live tracking: ROIs per second from VideoBuffer to rows, against Tracker alone, in turns.

    python -m tests.benchmarks.live_tracking [--method fast] [--roi 64] [--beads 100] [--threads 1]

This process hands frames to the ring as fast as it takes them; the real tracking process reads the ring and
writes rows. "Alone" is a process that tracks the same frames in batches of the same size from its own memory.
Slots are filled with pixels once, so that the memory's speed is left to the reader.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from pathlib import Path

import numpy as np

from magscope_app.config import Config, load_config
from magscope_app.datatypes import Session, VideoBuffer
from magscope_app.devices import FrameFormat
from magscope_app.kernel_cache import TRACKING_KERNELS, ensure_compiled
from magscope_app.messages import Bead, ProcessReady, Shutdown, VideoReady
from magscope_app.processes import tracking
from magscope_app.processes.bead_owner import BeadOwner
from magscope_app.processes.calibration_file import load_calibration
from magscope_app.processes.camera_noise import camera_noise
from magscope_app.processes.handles import Handles, make_handles
from magscope_app.processes.link import Link
from magscope_app.processes.segments import Segments, matrix_shapes
from magscope_app.tracking import Tracker
from tests.benchmarks.tracking_speed import Scene

_START_S = 60.0
#: References of the method "fast" are made in this time.
_WARM_S = 4.0


def _track_alone(config: Config, scene: Scene, seconds: float, result: Connection) -> None:
    """Track the frames over and over in batches; send ROIs per second."""
    form = FrameFormat(scene.frames.shape[2], scene.frames.shape[1], 8)
    assert config.tracking.zlut is not None
    zlut, threads = load_calibration(config.tracking.zlut), config.tracking.threads
    n_images = config.buffer.n_images
    batches = [scene.frames[i : i + n_images] for i in range(0, len(scene.frames), n_images)]
    noise = camera_noise(config, form)
    with Tracker(config.beads.roi_px, zlut, noise, config.tracking.method, threads) as tracker:
        ids = np.arange(len(scene.rois))
        for measured_s in (_WARM_S, seconds):
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < measured_s:
                batch = batches[done % len(batches)]
                tracker.track(batch, scene.rois, ids)
                done += 1
            frames = sum(len(batches[i % len(batches)]) for i in range(done))
            rate = frames * len(scene.rois) / (time.perf_counter() - began)
    result.send(rate)


def _track_live(connection: Connection, handles: Handles) -> None:
    link = Link(connection, "tracking")
    tracking.run(link, handles)
    link.close()


@contextmanager
def _tracking_process(context: SpawnContext, handles: Handles) -> Iterator[Link]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_track_live, args=(theirs, handles), name="tracking")
    process.start()
    theirs.close()
    link = Link(ours, "benchmark")
    try:
        yield link
        link.send(Shutdown())
        process.join(10.0)
    finally:
        link.close()
        if process.is_alive():
            process.kill()
        process.join(5.0)


def _await(link: Link, name: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        message = link.receive(0.2)
        if isinstance(message, ProcessReady) and message.process == name:
            return
    raise TimeoutError(f"the tracking process did not report {name}")


def _feed(video: VideoBuffer, scene: Scene, n_slots: int, first: int, seconds: float) -> tuple[int, float]:
    """Hand frames over for so long; return the next number and the share of time that waited."""
    number, waited = first, 0.0
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        slot = video.begin()
        if slot is None:
            time.sleep(0.0005)
            waited += time.perf_counter() - now
            continue
        if number < n_slots:
            slot[:] = scene.frames[number % len(scene.frames)]
        video.commit(timestamp_ns=number * 1_000_000)
        number += 1
    return number, waited / seconds


def live_rate(context: SpawnContext, config: Config, scene: Scene, seconds: float) -> tuple[float, float]:
    """Return ROIs per second from the ring to rows, and how much of the time the ring was full."""
    shapes = matrix_shapes(config)
    form = FrameFormat(scene.frames.shape[2], scene.frames.shape[1], 8)
    with closing(Session.create()) as session:
        handles = make_handles(context, config, session, time.perf_counter_ns(), shapes)
        with closing(Segments(handles, shapes)) as segments:
            video = segments.create_video(form)
            owner = BeadOwner(segments.rois, config.beads.roi_px)
            owner.format = form
            middle = (config.beads.roi_px - 1) / 2
            owner.add(Bead(i, x0 + middle, y0 + middle) for i, (x0, y0) in enumerate(scene.rois))
            with _tracking_process(context, handles) as link, closing(handles.tracks()) as tracks:
                _await(link, "tracking")
                link.send(VideoReady(form))
                _await(link, "tracking-video")
                number, _ = _feed(video, scene, video.n_total_images, 0, _WARM_S)
                rows, began = tracks.rows_written, time.perf_counter()
                _, full = _feed(video, scene, video.n_total_images, number, seconds)
                rate = (tracks.rows_written - rows) / (time.perf_counter() - began)
    return rate, full


def alone_rate(context: SpawnContext, config: Config, scene: Scene, seconds: float) -> float:
    """Return ROIs per second of Tracker in a process of its own."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_track_alone, args=(config, scene, seconds, theirs), name="alone")
    process.start()
    theirs.close()
    try:
        if not ours.poll(_START_S + seconds):
            raise TimeoutError("Tracker alone gave no result")
        return float(ours.recv())
    finally:
        ours.close()
        process.join(10.0)
        if process.is_alive():
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--method", default="fast")
    parser.add_argument("--roi", type=int, default=64)
    parser.add_argument("--beads", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ensure_compiled(TRACKING_KERNELS, print)
    scene = Scene(given.roi, given.beads, 32, wide=False)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        zlut = Path(folder) / "zlut.npz"
        scene.zlut.save(zlut)
        height, width = scene.frames.shape[1:]
        config = load_config(
            "demo.toml",
            [
                f"camera.roi_px=[0,0,{width},{height}]",
                *("camera.fps=500", "camera.exposure_ms=1", "buffer.seconds=0.4", "beads.find=false"),
                f"camera.noise.gain_dn_per_e={scene.noise.gain_dn_per_e}",
                *("camera.noise.offset_dn=0", "camera.noise.read_noise_e=0"),
                f"beads.roi_px={given.roi}",
                f"tracking.zlut={zlut}",
                f"tracking.method={given.method}",
                f"tracking.threads={given.threads}",
            ],
        ).config
        print(f"{given.method}, {given.roi} px, {given.beads} beads, {given.threads} threads: ROI/s")
        print("  alone     live      live/alone  ring full")
        for _ in range(given.rounds):
            alone = alone_rate(context, config, scene, given.seconds)
            live, full = live_rate(context, config, scene, given.seconds)
            print(f"  {alone:8,.0f}  {live:8,.0f}  {live / alone:.2f}        {100 * full:.0f} %", flush=True)


if __name__ == "__main__":
    main()
