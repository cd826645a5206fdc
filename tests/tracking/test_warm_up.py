"""Kernels compiled once are loaded by the next process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from magscope_app.tracking.warm_up import compile_kernels

_NEXT_PROCESS = """
import numpy as np
from magscope_app.tracking import Tracker, ZLUT, ZLUTSet, find_beads
from magscope_app.tracking.warm_up import compile_kernels
import gc
from numba.core.dispatcher import Dispatcher

kernels = [
    found for found in gc.get_objects()
    if isinstance(found, Dispatcher) and found.py_func.__module__.startswith("magscope_app.")
]
assert len(kernels) > 50, kernels
compile_kernels()
known = [set(kernel.signatures) for kernel in kernels]
missed = [sum(kernel.stats.cache_misses.values()) for kernel in kernels]
assert not any(missed), f"compiled again: {missed}"

a = ZLUT(np.arange(5.0), np.random.default_rng(0).normal(size=(5, 8)))
b = ZLUT(np.arange(9.0), np.random.default_rng(1).normal(size=(9, 30)))
rois = np.array([[1, 2], [3, 4]])
rois.flags.writeable = False
y, x = np.mgrid[-12:12, -12:12]
rings = 100 + 50 * np.cos(np.hypot(x, y)) * np.exp(-np.hypot(x, y) / 6)
for kind in (np.uint8, np.uint16):
    sweep = ZLUT.from_sweep(np.tile(rings.astype(kind), (5, 2, 1, 1)), np.arange(5.0))
    for method in ("full", "fast"):
        tracker = Tracker(24, sweep, method=method)
        tracker.prepare()
        tracker.track(np.zeros((1, 24, 24), kind), [[0, 0]])
for kind in (np.uint8, np.uint16):
    for writeable in (False, True):
        frames = np.zeros((3, 50, 70), kind)
        frames.flags.writeable = writeable
        Tracker(16).track(frames, rois)
        Tracker(16, a).track(frames, rois[:, ::-1], profiles=True)
        Tracker(24, ZLUTSet({1: a, 2: b})).track(frames, [[0, 0]], bead_ids=[2])
        for method in ("full", "fast"):
            Tracker(24, ZLUTSet({1: a, 2: b}), method=method).track(frames, [[0, 0]], bead_ids=[2])
        find_beads(frames[1], 16)
        find_beads(frames[1], 16, template=rings.astype(kind))
new = {
    kernel.py_func.__name__: set(kernel.signatures) - old
    for kernel, old in zip(kernels, known) if set(kernel.signatures) - old
}
assert not new, f"not compiled by compile_kernels: {new}"
"""


@pytest.mark.timeout(500)  # without a cache, on a busy computer, compilation takes minutes
def test_the_next_process_compiles_nothing() -> None:
    compile_kernels()
    done = subprocess.run(
        [sys.executable, "-c", _NEXT_PROCESS], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
