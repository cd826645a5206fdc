"""The same measurements of MagScope 1.0.0's buffers; run by a Python that has it, and without this project.

Prints one line of JSON: pairs of what and figures.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Lock
from typing import Any

import numpy as np

_SIZES = ((64, 8), (512, 8), (1024, 8), (2048, 16))
_WAKES = 2000


def _fastest(
    run: Callable[[int], None], other: Callable[[int], None], count: int
) -> tuple[float, float, float]:
    pairs = []
    for _ in range(31):
        times = []
        for each in (run, other):
            began = time.perf_counter_ns()
            each(count)
            times.append((time.perf_counter_ns() - began) / count / 1000)
        pairs.append(times)
    ratio = statistics.median(b / a for a, b in pairs)
    return min(a for a, _ in pairs), min(b for _, b in pairs), ratio


def _video(lock: Lock, side: int, bits: int) -> Any:
    from magscope.datatypes import VideoBuffer

    length = min(512, (64 << 20) // (side * side * bits // 8))
    return VideoBuffer(
        create=True,
        locks={"VideoBuffer": lock},
        n_stacks=length // 4,
        width=side,
        height=side,
        n_images=4,
        bits=bits,
    )


def _remove(buffer: Any) -> None:
    # Its names are fixed and stay: the next buffer of this process would meet them.
    for name in ("_shm_info", "_shm", "_ts_shm", "_idx_shm"):
        if hasattr(buffer, name):
            getattr(buffer, name).unlink()


def _publish(lock: Lock, side: int, bits: int) -> str:
    video = _video(lock, side, bits)
    length = video.n_total_images
    source = np.full((side, side), 7, np.uint8 if bits == 8 else np.uint16)
    # The documentation names arrays; what it takes is bytes. Their making is not counted.
    raw = source.tobytes()
    plain = np.zeros((length, side, side), source.dtype)

    places = cycle(plain)

    def copy(count: int) -> None:
        for _, slot in zip(range(count), places, strict=False):
            np.copyto(slot, source)

    def write(count: int) -> None:
        for _ in range(count):
            video.write_image_and_timestamp(raw, 0.0)
            if video.get_level() > 0.5:
                video.read_stack_no_return()

    copy(length)
    copied, written, ratio = _fastest(copy, write, max(20, length // 2))
    _remove(video)
    times = f"copy {copied:8.2f} µs, write {written:8.2f} µs: +{written - copied:.2f} µs"
    return f"{times}, share of copy {1 / ratio:.2f} (of the fastest {copied / written:.2f})"


def receive(pipe: Connection, lock: Lock, count: int, pause_s: float) -> None:
    """Read stacks as its own consumer does: a loop without a wait (or with the pause given)."""
    from magscope.datatypes import VideoBuffer

    video = VideoBuffer(create=False, locks={"VideoBuffer": lock})
    late: list[float] = []
    pipe.send("ready")
    cpu, wall, done = time.process_time(), time.perf_counter(), 0
    while done < count:
        if not video.check_read_stack():
            if pause_s:
                time.sleep(pause_s)
            continue
        seen = time.perf_counter()
        stack, stamps = video.peak_stack()
        # A copy in the order of the memory, as fast as it can be.
        stack.copy(order="K")
        late += (seen - np.array(stamps)).tolist()
        video.read_stack_no_return()
        done += video.n_images
    used = (time.process_time() - cpu) / (time.perf_counter() - wall)
    pipe.send((time.perf_counter_ns(), [1e6 * value for value in late], used))


def _two(
    lock: Lock, side: int, bits: int, count: int, pause_s: float, every_s: float
) -> tuple[float, list[float], float]:
    from magscope.datatypes import BufferOverflow

    context = multiprocessing.get_context("spawn")
    video = _video(lock, side, bits)
    ours, theirs = context.Pipe()
    process = context.Process(target=receive, args=(theirs, lock, count, pause_s))
    process.start()
    ours.recv()
    raw = np.full((side, side), 7, np.uint8 if bits == 8 else np.uint16).tobytes()
    began, sent = time.perf_counter_ns(), 0
    while sent < count:
        if every_s:
            time.sleep(every_s)
        # It drops a whole stack when it is full: so never let it become full.
        if video.get_level() > 0.9:
            time.sleep(0.0001)
            continue
        try:
            video.write_image_and_timestamp(raw, time.perf_counter())
        except BufferOverflow:
            continue
        sent += 1
    if not ours.poll(60):
        process.kill()
        raise TimeoutError("the reader did not get all frames")
    ended, late, cpu = ours.recv()
    process.join(10)
    _remove(video)
    return (ended - began) / count / 1000, late, cpu


def _matrix(lock: Lock, rows: int) -> str:
    from magscope.datatypes import MatrixBuffer

    matrix = MatrixBuffer(create=True, locks={"m": lock}, name="m", shape=(10_000, 7))
    block, plain = np.ones((rows, 7)), np.zeros((10_000, 7))

    def copy(count: int) -> None:
        start = 0
        for _ in range(count):
            plain[start : start + rows] = block
            start = (start + rows) % 10_000

    def write(count: int) -> None:
        for _ in range(count):
            matrix.write(block)

    copied, written, ratio = _fastest(copy, write, 200)
    _remove(matrix)
    times = f"copy {copied:.2f} µs, write {written:.2f} µs"
    return f"{times}: {ratio:.1f} × (of the fastest {written / copied:.1f} ×)"


def main() -> None:
    """Measure and print."""
    context = multiprocessing.get_context("spawn")
    found: list[tuple[str, str]] = []
    for side, bits in _SIZES:
        found.append((f"write {side}² {bits} bit", _publish(context.Lock(), side, bits)))
    for side, bits in _SIZES:
        count = max(320, min(4000, (256 << 20) // (side * side * bits // 8))) // 4 * 4
        each = min(_two(context.Lock(), side, bits, count, 0.0, 0.0)[0] for _ in range(3))
        found.append((f"two processes {side}² {bits} bit", f"{each:.2f} µs a frame"))
    for pause_s in (0.0, 0.001):
        _, late, cpu = _two(context.Lock(), 64, 8, _WAKES, pause_s, 0.001)
        half, most, nearly = np.percentile(late, [50, 99, 99.9])
        how = "busy loop" if not pause_s else "1 ms sleeps"
        found.append(
            (
                f"seen at 1 kHz in stacks of 4, {how}",
                f"median {half:.0f} µs, p99 {most:.0f} µs, p99.9 {nearly:.0f} µs,"
                f" {100 * cpu:.0f} % of a core",
            )
        )
    found += [(f"MatrixBuffer.write ({rows}, 7)", _matrix(context.Lock(), rows)) for rows in (1, 100, 1000)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
