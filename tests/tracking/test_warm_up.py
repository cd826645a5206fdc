"""Kernels compiled once are loaded by the next process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from magscope_app.tracking.warm_up import compile_kernels

_NEXT_PROCESS = """
import numpy as np
from magscope_app.tracking import Tracker, ZLUT, ZLUTSet, find_beads
from magscope_app.tracking import finding_kernels, pixel_kernels, qi_kernels, z_kernels
from magscope_app.tracking import full_fit_kernels, lut_kernels, lut_shape_kernels
from magscope_app.tracking.warm_up import compile_kernels

kernels = (
    pixel_kernels.copy_rois, qi_kernels.centre_rois, z_kernels.find_heights,
    full_fit_kernels.fit_rois, lut_kernels.polynomials, lut_kernels.shift_template,
    lut_shape_kernels.add_to_spline, lut_shape_kernels.fit_at_plane, lut_shape_kernels.left_over,
    finding_kernels.smooth, finding_kernels.vote, finding_kernels.local_maxima,
)
compile_kernels()
known = [set(kernel.signatures) for kernel in kernels]
assert all(known), known
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
    Tracker(24, sweep, method="full").track(np.zeros((1, 24, 24), kind), [[0, 0]])
for kind in (np.uint8, np.uint16):
    for writeable in (False, True):
        frames = np.zeros((3, 50, 70), kind)
        frames.flags.writeable = writeable
        Tracker(16).track(frames, rois)
        Tracker(16, a).track(frames, rois[:, ::-1], profiles=True)
        Tracker(24, ZLUTSet({1: a, 2: b})).track(frames, [[0, 0]], bead_ids=[2])
        Tracker(24, ZLUTSet({1: a, 2: b}), method="full").track(frames, [[0, 0]], bead_ids=[2])
        find_beads(frames[1], 16)
new = [set(kernel.signatures) - old for kernel, old in zip(kernels, known)]
assert not any(new), f"not compiled by compile_kernels: {new}"
"""


@pytest.mark.timeout(500)  # without a cache, on a busy computer, compilation takes minutes
def test_the_next_process_compiles_nothing() -> None:
    compile_kernels()
    done = subprocess.run(
        [sys.executable, "-c", _NEXT_PROCESS], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_progress_ends_at_one() -> None:
    told: list[tuple[str, float]] = []
    compile_kernels(lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(what for what, _ in told)
