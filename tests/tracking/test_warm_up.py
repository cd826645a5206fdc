"""Kernels compiled once are loaded by the next process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from magscope_app.tracking.warm_up import compile_kernels

_SECOND = """
import numpy as np
from magscope_app.tracking import ZLUT, Tracker, find_beads
from magscope_app.tracking import finding_kernels, pixel_kernels, qi_kernels, z_kernels
zlut = ZLUT(np.arange(5.0), np.random.default_rng(0).normal(size=(5, 8)))
for kind in (np.uint8, np.uint16):
    for frames in (np.zeros((3, 50, 70), kind), np.zeros((3, 50, 70), kind)):
        frames.flags.writeable = kind is np.uint8
        Tracker(16, zlut).track(frames, [[1, 2], [3, 4]], profiles=True)
        Tracker(16).track(frames, [[1, 2]])
        find_beads(frames[0], 16)
entries = (pixel_kernels.copy_rois, qi_kernels.centre_rois, z_kernels.find_heights, finding_kernels.smooth)
for entry in (*entries, finding_kernels.vote, finding_kernels.local_maxima):
    print(entry.__name__, sum(entry.stats.cache_misses.values()))
"""


def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first = "from magscope_app.tracking.warm_up import compile_kernels; compile_kernels()"
    for code in (first, _SECOND):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    missed = dict(line.split() for line in done.stdout.splitlines())
    assert set(missed.values()) == {"0"}, missed
    assert len(missed) == 6


def test_progress_ends_at_one() -> None:
    told: list[tuple[str, float]] = []
    compile_kernels(lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert np.all([what for what, _ in told])
