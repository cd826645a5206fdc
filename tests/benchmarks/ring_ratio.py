"""Two ways of doing the same, timed in turn, so that a busy machine slows both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

from magscope_app.datatypes import Session, VideoBuffer, make_wakes

#: Side in pixels and bits.
SIZES = ((64, 8), (512, 8), (1024, 8), (2048, 16))
Run = Callable[[int], None]


@dataclass
class Table:
    """Lines to be printed after all tests."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str, figures: str) -> None:
        self.rows.append((what, figures))


def per_call_us(run: Run, count: int) -> float:
    began = time.perf_counter_ns()
    run(count)
    return (time.perf_counter_ns() - began) / count / 1000


def in_turn(one: Run, other: Run, count: int, rounds: int) -> tuple[float, float, float]:
    """Return the fastest µs per call of both, and the median of other/one over the rounds."""
    pairs = [(per_call_us(one, count), per_call_us(other, count)) for _ in range(rounds)]
    return min(a for a, _ in pairs), min(b for _, b in pairs), statistics.median(b / a for a, b in pairs)


def image(side: int, bits: int) -> np.ndarray:
    return np.full((side, side), 7, np.uint8 if bits == 8 else np.uint16)


def ring_length(side: int, bits: int) -> int:
    """Return the frames in about 64 MB, at most 512 of them."""
    return min(512, (64 << 20) // (side * side * bits // 8))


@contextmanager
def ring(
    context: SpawnContext, side: int, bits: int, *, woken: bool = False
) -> Iterator[tuple[VideoBuffer, dict[str, Any]]]:
    """Make a ring and what a child needs to attach."""
    session = Session.create()
    shared: dict[str, Any] = {"locks": {"VideoBuffer": context.Lock()}}
    if woken:
        shared["wakes"] = make_wakes(context, {"VideoBuffer": ["tracking"]})
    video = VideoBuffer(
        create=True,
        **shared,
        n_stacks=ring_length(side, bits),
        n_images=1,
        width=side,
        height=side,
        bits=bits,
        default_reader=False,
    )
    try:
        yield video, shared
    finally:
        video.close()
        del video.lock
        shared.clear()
        session.close()
