"""The free disk: how long it lasts, also when files go away or the system cannot tell."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from magscope_app.processes import disk_watch
from magscope_app.processes.disk_watch import DiskWatch, in_minutes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(disk_watch, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_the_rate_outlives_a_file_that_goes_away(tmp_path: Path, clock: list[float]) -> None:
    watch, written = DiskWatch(tmp_path, 10), 0
    for step in range(80):
        clock[0] += 0.5
        written += 2_500_000
        if step == 40:
            written = 10_000
        watch.look(written)
        if step > 30:
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
    assert math.isfinite(watch.minutes_so_far)


def test_what_is_written_in_batches_has_a_steady_rate_and_none_before_it_is_known(
    tmp_path: Path, clock: list[float]
) -> None:
    watch, written, shown = DiskWatch(tmp_path, 10), 3_000_000, []
    for step in range(400):
        # 1 MB every 7 seconds, after heads and empty tables at once.
        written += 1_000_000 if step % 14 == 13 else 0
        watch.look(written)
        shown.append(watch.minutes_left)
        clock[0] += 0.5
    assert all(map(math.isinf, shown[:20]))
    known = [minutes for minutes in shown[60:] if math.isfinite(minutes)]
    assert len(known) == 340
    right = (watch.free_bytes - disk_watch.VIDEO_RESERVE_BYTES) / (1e6 / 7) / 60
    assert 0.7 * right < min(known) <= max(known) < 1.4 * right


def test_a_disk_that_is_nearly_full_is_said_within_seconds(tmp_path: Path, clock: list[float]) -> None:
    watch = DiskWatch(tmp_path, 1e6)
    watch.look(0)
    clock[0] += 1
    watch.look(50_000_000)
    assert math.isinf(watch.minutes_left)
    assert watch.is_low


def test_what_waits_for_the_disk_takes_its_room_at_once(tmp_path: Path, clock: list[float]) -> None:
    watch = DiskWatch(tmp_path, 10)
    free = int(watch.free_bytes)
    full = []
    # The last look comes before the system is asked again.
    for after_s, written, waiting in ((0.0, free, free), (0.5, free, 0), (0.1, 2 * free, 0)):
        clock[0] += after_s
        watch.look(written, waiting)
        full.append((watch.too_full_for_video, watch.too_full_for_tracks))
    assert full == [(True, False), (False, False), (True, False)]


def test_minutes_are_said_in_words() -> None:
    said = [in_minutes(minutes) for minutes in (0.0, 0.99, 1.0, 1.2, 9.6)]
    assert said == ["in less than a minute"] * 2 + ["in 1 minute"] * 2 + ["in 10 minutes"]
