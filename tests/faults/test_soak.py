"""Ten hours of frames, and an hour by the clock: nothing grows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.soak import TEN_HOURS, Watch, growth, soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")


#: What HDF5 keeps of a file that is written grows until its next part, after 200 000 frames: more than ten
#: minutes at 100 fps.
_PART_MB = 40.0


def _check(watch: Watch, factor: float, part_mb: float = 0.0) -> None:
    for process in dict.fromkeys(sample.process for sample in watch.samples):
        grown = growth(watch.samples, process)
        early_mb, late_mb = grown["memory_mb"]
        more_mb = 8.0 + (part_mb if process == "recording" else 0.0)
        assert late_mb < factor * early_mb + more_mb, (process, grown)
        assert abs(grown["open_files"][1] - grown["open_files"][0]) <= 2, (process, grown)
        assert grown["segments"][0] == grown["segments"][1], (process, grown)


@pytest.mark.slow
def test_a_short_soak(tmp_path: Path) -> None:
    result, watch = soak(tmp_path, n_frames=20_000)
    assert result.exit_code == 0, watch.log
    assert result.counters.frames_recorded == result.counters.frames_acquired >= 20_000
    assert watch.samples


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_hours_of_frames(tmp_path: Path) -> None:
    result, watch = soak(tmp_path, n_frames=TEN_HOURS)
    assert result.exit_code == 0, watch.log
    assert result.counters.frames_recorded == result.counters.frames_acquired >= TEN_HOURS
    assert result.counters.frames_lost == 0
    _check(watch, 1.05)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("piece", range(6))
def test_an_hour_by_the_clock_in_pieces(piece: int, tmp_path: Path) -> None:
    result, watch = soak(tmp_path, seconds=600.0, flat_out=False)
    assert result.exit_code == 0, watch.log
    assert result.counters.frames_recorded == result.counters.frames_acquired > 55_000
    assert result.counters.lost_ring == result.counters.lost_tracking == 0
    _check(watch, 1.05, _PART_MB)
