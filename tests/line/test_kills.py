"""kill -9 of the recorder, and of everything: what was acknowledged is read back."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from magscope_app.datatypes import reap_dead_sessions
from magscope_app.storage import open_dataset
from tests.line.running import ROOT, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 of a family of processes")


def _acknowledged(folder: Path) -> int:
    file = folder / "acknowledged"
    return int(file.read_text()) if file.exists() else 0


def _kill_at_random(folder: Path, whom: str, seed: int) -> int:
    """Record, kill at a random instant, return how many frames were acknowledged before."""
    command = [sys.executable, "-m", "tests.line.acknowledging", str(folder / "out")]
    line = subprocess.Popen(command, cwd=ROOT, env=environment())
    family = psutil.Process(line.pid)
    try:
        deadline = time.monotonic() + 60
        while _acknowledged(folder) < 10:
            assert time.monotonic() < deadline, "nothing was recorded"
            time.sleep(0.02)
        time.sleep(random.Random(seed).uniform(0.0, 0.7))
        children = family.children(recursive=True)
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        workers.sort(key=lambda child: (child.create_time(), child.pid))
        before = _acknowledged(folder)
        if whom == "recorder":
            workers[2].kill()
            line.wait(30)
        else:
            for process in [family, *children]:
                process.kill()
            line.wait(30)
            psutil.wait_procs(children, 10)
        return before
    finally:
        for process in family.children(recursive=True) if family.is_running() else []:
            process.kill()
        line.kill()
        line.wait(10)
        reap_dead_sessions()


def _check(folder: Path, before: int) -> None:
    """Read back what was acknowledged: rows and images, and that they belong together."""
    (path,) = (folder / "out").iterdir()
    dataset = open_dataset(path)
    frames = dataset.frames()
    assert len(frames) >= before
    np.testing.assert_array_equal(frames["frame_id"][:before], np.arange(before))
    rows = dataset.tracks()
    assert len(np.unique(rows["frame_id"][rows["frame_id"] < before])) == before
    assert np.isfinite(rows["x_nm"]).all()
    stored = dataset.video_frame_ids
    assert set(range(before)) <= set(stored.tolist())
    image = dataset[{"time": before - 1}]
    assert image.shape == (192, 256)
    assert 80 < image.mean() < 130
    assert dataset.get_metadata({"time": before - 1})["frame_id"] == before - 1


@pytest.mark.parametrize(
    ("whom", "seed"), [pytest.param(*one, marks=pytest.mark.slow) for one in (("recorder", 1), ("all", 3))]
)
def test_what_was_acknowledged_survives(whom: str, seed: int, tmp_path: Path) -> None:
    before = _kill_at_random(tmp_path, whom, seed)
    assert before >= 10
    _check(tmp_path, before)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("whom", ["recorder", "all"])
def test_what_was_acknowledged_survives_many_kills(whom: str, tmp_path: Path) -> None:
    for seed in range(25):
        folder = tmp_path / str(seed)
        folder.mkdir()
        _check(folder, _kill_at_random(folder, whom, seed))
