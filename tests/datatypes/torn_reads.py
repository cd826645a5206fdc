"""Validated reads against raw ones on a ring that a process of its own overwrites without pause.

``python -m tests.datatypes.torn_reads 10000000`` counts by hand what the tests count in small.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from magscope_app.datatypes import ReaderMode, Session, VideoBuffer, layout
from tests.datatypes.processes_for_tests import answer, child

#: All pixels of a frame have one value.
SIZES: dict[str, Any] = {"n_stacks": 1, "width": 320, "height": 200, "bits": 8}
_BATCH = 4
_MOST_SECONDS = 3000.0


@dataclass(frozen=True)
class Counts:
    """Reads, and how many of them were torn."""

    reads: int
    torn: int


def overwrite(pipe: Connection, shared: dict[str, Any]) -> None:
    """Publish until killed; every pixel and the device tick say the frame's number."""
    video = VideoBuffer(create=False, **shared)
    pipe.send("ready")
    number = 0
    while True:
        slot = video.begin()
        if slot is not None:
            slot.fill(number % 251)
            video.commit(timestamp_ns=0, device_tick=number)
        number += 1


@contextmanager
def overwritten_ring(length: int) -> Iterator[VideoBuffer]:
    """Make a ring of so many frames and the process that overwrites it."""
    context = multiprocessing.get_context("spawn")
    session = Session.create()
    shared: dict[str, Any] = {"locks": {"VideoBuffer": context.Lock()}}
    video = VideoBuffer(create=True, **shared, **SIZES, n_images=length, default_reader=False)
    try:
        with child(context, overwrite, shared) as (_, pipe):
            answer(pipe)
            while video.counters().acquired == 0:
                time.sleep(0.001)
            yield video
    finally:
        video.close()
        del video.lock
        shared.clear()
        session.close()


def is_torn(pixels: np.ndarray, value: int) -> bool:
    words = pixels.reshape(-1).view(np.uint64)
    return bool((words != np.uint64(value * 0x0101_0101_0101_0101)).any())


def raw(video: VideoBuffer, at_most: int, enough: int) -> Counts:
    """Copy the slot that is written next, without looking at its sequence number: until so many were torn."""
    ring = video._ring
    out, torn = np.empty_like(ring.frames[0]), 0
    reads = 0
    while reads < at_most and torn < enough:
        reads += 1
        out[...] = ring.frames[ring.words[layout.HEAD] % ring.length]
        torn += is_torn(out, int(out[0, 0]))
    return Counts(reads, torn)


def newest(video: VideoBuffer, wanted: int) -> Counts:
    """Take validated copies of the newest frame."""
    reads, torn = 0, 0
    out = np.empty(video.image_shape[::-1], video.dtype)
    deadline = time.monotonic() + _MOST_SECONDS
    with video.reader("newest", ReaderMode.NEWEST) as reader:
        while reads < wanted and time.monotonic() < deadline:
            frame = reader.newest(out)
            if frame is not None:
                reads += 1
                torn += is_torn(frame.pixels, frame.device_tick % 251)
    return Counts(reads, torn)


def in_place(video: VideoBuffer, wanted: int) -> Counts:
    """Look at frames in the ring itself and count those that `release` calls valid."""
    reads, torn = 0, 0
    deadline = time.monotonic() + _MOST_SECONDS
    with video.reader("in place", ReaderMode.OVERWRITE) as reader:
        while reads < wanted and time.monotonic() < deadline:
            batch = reader.acquire(_BATCH)
            if batch is None:
                continue
            values = (batch.device_ticks % 251).tolist()
            found = [is_torn(pixels, value) for pixels, value in zip(batch.frames, values, strict=True)]
            valid = batch.release().tolist()
            reads += sum(valid)
            torn += sum(bad for bad, told in zip(found, valid, strict=True) if told)
        counters = reader.counters
    assert counters.got + counters.lost == counters.cursor
    return Counts(reads, torn)


#: Two slots for copies: the writer is never far. An in-order reader needs more to get any frame whole.
KINDS: tuple[tuple[int, Callable[[VideoBuffer, int], Counts]], ...] = ((2, newest), (128, in_place))


def main(wanted: int) -> None:
    """Count and print."""
    for length, kind in KINDS:
        with overwritten_ring(length) as video:
            print(f"{length} slots, raw:", raw(video, 1_000_000, 1_000), flush=True)
            print(f"{kind.__name__}:", kind(video, wanted // 2), flush=True)
            print("frames published:", video.counters().acquired, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
