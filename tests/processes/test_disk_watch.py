"""The free disk: how long it lasts, also when files go away or the system cannot tell."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from magscope_app.processes import disk_watch
from magscope_app.processes.disk_watch import DiskWatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(disk_watch, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_the_rate_outlives_a_file_that_goes_away(tmp_path: Path, clock: list[float]) -> None:
    watch, written = DiskWatch(tmp_path, 10), 0
    for step in range(40):
        clock[0] += 0.5
        written += 2_500_000
        if step == 20:
            written = 10_000
        watch.look(written)
        if step > 1:
            minutes = (watch.free_bytes - disk_watch.VIDEO_RESERVE_BYTES) / 5e6 / 60
            assert minutes * 0.99 <= watch.minutes_left <= minutes * 1.3


def test_a_disk_that_cannot_be_asked_is_not_full(tmp_path: Path, clock: list[float]) -> None:
    folder = tmp_path / "gone"
    watch = DiskWatch(folder, 10)
    clock[0] += 1
    watch.look(1000)
    assert math.isinf(watch.minutes_left)
    assert not watch.is_low
    assert not watch.too_full_for_video
    assert not watch.too_full_for_tracks
    folder.mkdir()
    clock[0] += 1
    watch.look(2000)
    assert math.isfinite(watch.free_bytes)
    folder.rmdir()
    clock[0] += 1
    watch.look(3000)
    assert math.isfinite(watch.minutes_left)
