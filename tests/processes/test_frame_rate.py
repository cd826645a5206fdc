"""The rate that is shown follows fast and slow cameras alike, and falls to 0 when one is silent."""

from __future__ import annotations

import pytest

from magscope_app.processes.frame_rate import FrameRate

LOOK_NS = 250_000_000


def watch(
    rate: FrameRate, fps: float, seconds: float, *, count: int = 0, begin_s: float = 0.0
) -> list[float]:
    """Look four times a second at a camera, and return what was said."""
    said = []
    for look in range(1, round(seconds * 4)):
        now_s = look / 4
        taken = int(now_s * fps)
        if count + taken:
            newest_ns, now_ns = (round((begin_s + part) * 1e9) for part in (taken / fps, now_s))
            said.append(rate.look(count + taken, newest_ns, now_ns))
    return said


@pytest.mark.parametrize("fps", [0.06, 0.3, 0.8, 3.7, 17.0, 100.0, 1092.0])
def test_the_rate_is_that_of_the_camera_whatever_it_is(fps: float) -> None:
    said = watch(FrameRate(), fps, 12.0 + 6.0 / fps)
    first = next(index for index, value in enumerate(said) if value > 0)
    assert said[first:] == pytest.approx([fps] * len(said[first:]), rel=1e-6)
    assert first * 0.25 <= 1.0 / fps + 0.5


def test_a_camera_that_stops_is_at_0_within_a_second() -> None:
    rate = FrameRate()
    watch(rate, 100.0, 5.0)
    assert rate.look(475, 4_750_000_000, 5_700_000_000) == pytest.approx(100.0)
    assert rate.look(475, 4_750_000_000, 5_800_000_000) == 0.0


def test_another_rate_is_seen_soon() -> None:
    rate = FrameRate()
    watch(rate, 100.0, 10.0)
    slower = watch(rate, 2.0, 8.0, count=975, begin_s=9.75)
    assert slower[-1] == pytest.approx(2.0, rel=0.01)
    assert watch(rate, 50.0, 4.0, count=990, begin_s=17.25)[-1] == pytest.approx(50.0, rel=0.05)


def test_after_a_pause_the_rate_begins_anew() -> None:
    rate = FrameRate()
    watch(rate, 100.0, 4.0)
    rate.begin()
    assert rate.look(1000, 60_000_000_000, 60_000_000_000) == 0.0
    assert rate.look(1025, 60_250_000_000, 60_250_000_000) == pytest.approx(100.0)
