"""The other process of each two-process measurement."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Semaphore
from typing import Any

import numpy as np

from magscope_app.datatypes import ReaderMode, VideoBuffer


def receive(pipe: Connection, shared: dict[str, Any], count: int) -> None:
    """Copy so many frames out of the ring without loss; tell when the last one was copied."""
    video = VideoBuffer(create=False, **shared)
    out = np.empty(video.image_shape[::-1], video.dtype)
    reader = video.reader("tracking", ReaderMode.LOSSLESS)
    pipe.send("ready")
    done = 0
    while done < count:
        # A large batch of a short ring would keep the writer waiting for it.
        if not reader.wait(1.0) or (batch := reader.acquire(min(8, video.n_total_images // 4))) is None:
            continue
        for pixels in batch.frames:
            np.copyto(out, pixels)
        done += len(batch)
        batch.release()
    pipe.send((time.perf_counter_ns(), reader.counters.lost))


def copy_out(pipe: Connection, shared: dict[str, Any], count: int) -> None:
    """Copy as many frames out of the same memory without looking at anything."""
    video = VideoBuffer(create=False, **shared)
    out = np.empty(video.image_shape[::-1], video.dtype)
    frames = list(video._ring.frames)
    pipe.send("ready")
    pipe.recv()
    for number in range(count):
        np.copyto(out, frames[number % len(frames)])
    pipe.send((time.perf_counter_ns(), 0))


def be_woken(pipe: Connection, shared: dict[str, Any], count: int) -> None:
    """Wait for every frame; tell when each batch was seen and the share of a core."""
    video = VideoBuffer(create=False, **shared)
    reader = video.reader("tracking", ReaderMode.LOSSLESS)
    pipe.send("ready")
    seen: list[tuple[int, int]] = []
    done, cpu, wall = 0, time.process_time(), time.perf_counter()
    while done < count:
        if not reader.wait(1.0):
            continue
        now = time.perf_counter_ns()
        batch = reader.acquire(8)
        if batch is not None:
            seen.append((batch.position, now))
            done = batch.position + len(batch)
            batch.release()
    pipe.send((seen, (time.process_time() - cpu) / (time.perf_counter() - wall)))


def be_posted(pipe: Connection, semaphore: Semaphore, count: int) -> None:
    """Do the same with nothing but a semaphore: what the system itself needs."""
    pipe.send("ready")
    seen: list[tuple[int, int]] = []
    cpu, wall = time.process_time(), time.perf_counter()
    while len(seen) < count:
        if semaphore.acquire(True, 1.0):
            seen.append((len(seen), time.perf_counter_ns()))
    pipe.send((seen, (time.process_time() - cpu) / (time.perf_counter() - wall)))
