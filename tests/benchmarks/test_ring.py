"""How fast the data plane is, as ratios measured in one run.

``pytest tests/benchmarks/test_ring.py -p no:cacheprovider -o addopts= -s`` prints a table at the end.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import cycle
from multiprocessing.context import SpawnContext
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
import pytest

from magscope_app.datatypes import MatrixBuffer, Session
from tests.benchmarks import ring_magscope, ring_peers
from tests.benchmarks.ring_ratio import SIZES, Table, image, in_turn, ring
from tests.datatypes.processes_for_tests import answer, child

_WAKES = 3000


class Benchmark(Protocol):
    """What is used of the fixture of pytest-benchmark, which has no types."""

    extra_info: dict[str, Any]

    def pedantic(self, target: Callable[..., object], *, args: tuple[object, ...], rounds: int) -> object:
        """Run and time `target`."""


def once(benchmark: Benchmark, target: Callable[[], object]) -> None:
    benchmark.pedantic(target, args=(), rounds=1)


@pytest.fixture(scope="module")
def context() -> SpawnContext:
    return multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    made = Table()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    yield made
    print(f"\n\nload at the start {load:.1f}, {os.cpu_count()} processors, Python {sys.version.split()[0]}")
    for what, figures in made.rows:
        print(f"{what:48s} {figures}")


@pytest.fixture(autouse=True)
def private_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("MAGSCOPE_SESSION", raising=False)
    gc.collect()
    yield
    gc.collect()


@pytest.mark.parametrize(("side", "bits"), SIZES)
def test_publish(benchmark: Benchmark, context: SpawnContext, table: Table, side: int, bits: int) -> None:
    source = image(side, bits)
    with ring(context, side, bits) as (video, _):
        slots = list(video._ring.frames)

        def publish(count: int) -> None:
            begin, commit, copy = video._writer.begin, video._writer.commit, np.copyto
            for number in range(count):
                copy(begin(), source)  # type: ignore[arg-type]  # without a reader no slot is refused
                commit(number, -1, 0, 0, 0.0)

        # Round the whole ring as publishing goes, half a ring apart: neither finds memory in the cache that
        # the other has just touched.
        half = len(slots) // 2
        places = cycle(slots[half:] + slots[:half])

        def copy_only(count: int) -> None:
            copy = np.copyto
            for _, slot in zip(range(count), places, strict=False):
                copy(slot, source)

        count = max(20, 2_000_000 // source.nbytes)
        plain, ours, ratio = in_turn(copy_only, publish, count, 301)
        table.add(
            f"publish {side}² {bits} bit",
            f"copy {plain:8.2f} µs, ours {ours:8.2f} µs: +{ours - plain:.2f} µs,"
            f" share of copy {1 / ratio:.2f} (of the fastest {plain / ours:.2f})",
        )
        benchmark.extra_info.update(copy_us=plain, share_of_copy=1 / ratio)
        benchmark.pedantic(publish, args=(count,), rounds=20)


@pytest.mark.parametrize(("side", "bits"), SIZES)
def test_transfer(benchmark: Benchmark, context: SpawnContext, table: Table, side: int, bits: int) -> None:
    source = image(side, bits)
    count = max(300, min(20_000, (1 << 30) // source.nbytes))

    def ours() -> float:
        with (
            ring(context, side, bits, woken=True) as (video, shared),
            child(context, ring_peers.receive, shared, count) as (_, pipe),
        ):
            answer(pipe)
            began = time.perf_counter_ns()
            sent = 0
            while sent < count:
                slot = video.begin()
                if slot is None:
                    time.sleep(0.0001)
                    continue
                np.copyto(slot, source)
                sent += 1
                video.commit(timestamp_ns=0)
            ended, lost = answer(pipe)
            assert lost == 0
        return float(ended - began) / count / 1000

    def pair() -> float:
        with (
            ring(context, side, bits) as (video, shared),
            child(context, ring_peers.copy_out, shared, count) as (_, pipe),
        ):
            answer(pipe)
            slots = list(video._ring.frames)
            pipe.send("go")
            began = time.perf_counter_ns()
            for number in range(count):
                np.copyto(slots[number % len(slots)], source)
            own = time.perf_counter_ns()
            ended, _ = answer(pipe)
        return float(max(own, ended) - began) / count / 1000

    runs = [(pair(), ours()) for _ in range(5)]
    plain, fastest = min(a for a, _ in runs), min(b for _, b in runs)
    ratio = median(a / b for a, b in runs)
    table.add(
        f"two processes, lossless, {side}² {bits} bit",
        f"memcpy pair {plain:8.2f} µs, ours {fastest:8.2f} µs,"
        f" share {ratio:.2f} (of the fastest {plain / fastest:.2f})",
    )
    benchmark.extra_info.update(pair_us=plain, ours_us=fastest, share=ratio)
    once(benchmark, ours)


def _late(sent: list[int], found: tuple[list[tuple[int, int]], float]) -> str:
    seen, cpu = found
    late = [now - sent[position] for position, now in seen]
    half, most, nearly = np.percentile(late, [50, 99, 99.9]) / 1000
    return f"median {half:.1f} µs, p99 {most:.0f} µs, p99.9 {nearly:.0f} µs, {100 * cpu:.1f} % of a core"


def _each_ms(send: Callable[[], None]) -> list[int]:
    sent = []
    for _ in range(_WAKES):
        time.sleep(0.001)
        sent.append(time.perf_counter_ns())
        send()
    return sent


def test_wake(benchmark: Benchmark, context: SpawnContext, table: Table) -> None:
    def ours() -> str:
        with (
            ring(context, 64, 8, woken=True) as (video, shared),
            child(context, ring_peers.be_woken, shared, _WAKES) as (_, pipe),
        ):
            answer(pipe)

            def publish() -> None:
                video.begin()
                video.commit(timestamp_ns=0)

            return _late(_each_ms(publish), answer(pipe))

    def bare() -> str:
        semaphore = context.Semaphore(0)
        with child(context, ring_peers.be_posted, semaphore, _WAKES) as (_, pipe):
            answer(pipe)
            return _late(_each_ms(semaphore.release), answer(pipe))

    for _ in range(5):
        table.add("wake-up at 1 kHz, a bare semaphore", bare())
        table.add("wake-up at 1 kHz, ours with acquire and release", ours())
    once(benchmark, ours)


@pytest.mark.parametrize("rows", [1, 100, 1000])
def test_matrix(benchmark: Benchmark, context: SpawnContext, table: Table, rows: int) -> None:
    session = Session.create()
    locks = {"m": context.Lock()}
    matrix = MatrixBuffer(create=True, locks=locks, name="m", shape=(10_000, 7))
    block, plain = np.ones((rows, 7)), np.zeros((10_000, 7))

    def write(count: int) -> None:
        for _ in range(count):
            matrix.write(block)

    def copy(count: int) -> None:
        start = 0
        for _ in range(count):
            plain[start : start + rows] = block
            start = (start + rows) % 10_000

    copied, ours, ratio = in_turn(copy, write, 100, 501)
    table.add(
        f"MatrixBuffer.write ({rows}, 7)",
        f"copy {copied:.2f} µs, ours {ours:.2f} µs: {ratio:.1f} × (of the fastest {ours / copied:.1f} ×)",
    )
    benchmark.extra_info.update(copy_us=copied, times_copy=ratio)
    benchmark.pedantic(write, args=(100,), rounds=20)
    matrix.close()
    del matrix.lock
    locks.clear()
    session.close()


def test_magscope(table: Table) -> None:
    """The same of the program whose documentation the buffers follow, as far as it can be driven."""
    python = os.environ.get("MAGSCOPE_PYTHON") or (sys.executable if find_spec("magscope") else None)
    if python is None:
        pytest.skip(
            "magscope is not installed: install the bench extra, or name its Python in MAGSCOPE_PYTHON"
        )
    done = subprocess.run(
        [python, ring_magscope.__file__], capture_output=True, text=True, timeout=300, check=True
    )
    for what, figures in json.loads(done.stdout.splitlines()[-1]):
        table.add(f"MagScope 1.0.0: {what}", figures)
