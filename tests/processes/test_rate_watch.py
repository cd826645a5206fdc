"""A camera that is slower than it was asked for is said once."""

from __future__ import annotations

import pytest

from magscope_app.processes.rate_watch import RateWatch


def play(watch: RateWatch, fps: float, seconds: float, begin_s: float = 0.0, number: int = 0) -> int:
    for index in range(round(fps * seconds)):
        watch.frame(number + index, round((begin_s + index / fps) * 1e9))
    return number + round(fps * seconds)


def test_a_camera_that_keeps_its_rate_is_not_mentioned() -> None:
    said: list[str] = []
    play(RateWatch(100.0, said.append), 99.0, 60.0)
    assert said == []


def test_a_slow_camera_is_said_once_and_when_it_is_in_order() -> None:
    said: list[str] = []
    watch = RateWatch(100.0, said.append)
    number = play(watch, 94.0, 30.0)
    assert len(said) == 1
    assert "94 frames/s, but 100 were asked for" in said[0]
    play(watch, 100.0, 30.0, 30.0, number)
    assert len(said) == 2
    assert "100 frames/s now" in said[1]


def test_frames_that_were_lost_behind_the_camera_were_given() -> None:
    said: list[str] = []
    watch = RateWatch(100.0, said.append)
    for number in range(0, 3000, 3):
        watch.frame(number, number * 10_000_000)
    assert said == []


def test_a_pause_and_another_rate_are_no_slowness() -> None:
    said: list[str] = []
    watch = RateWatch(100.0, said.append)
    number = play(watch, 100.0, 4.0)
    watch.begin()
    number = play(watch, 100.0, 8.0, 20.0, number)
    watch.expect(10.0)
    number = play(watch, 10.0, 30.0, 30.0, number)
    assert said == []
    watch.expect(50.0)
    play(watch, 10.0, 30.0, 70.0, number)
    assert "10 frames/s, but 50" in said[0]


@pytest.mark.parametrize("kept", [True, False], ids=["its frames come later", "its frames are gone"])
def test_a_process_that_was_held_up_is_no_slow_camera(kept: bool) -> None:
    said: list[str] = []
    watch = RateWatch(50.0, said.append)
    number = play(watch, 50.0, 8.0)
    if kept:
        number = play(watch, 1000.0, 0.2, 12.0, number)
    play(watch, 50.0, 30.0, 12.2, number)
    assert said == []


def test_a_slow_camera_that_catches_up_is_not_called_in_order() -> None:
    said: list[str] = []
    watch = RateWatch(50.0, said.append)
    number = play(watch, 40.0, 12.0)
    assert len(said) == 1
    number = play(watch, 90.0, 12.0, 12.0, number)
    assert len(said) == 1
    play(watch, 50.0, 12.0, 24.0, number)
    assert "50 frames/s now" in said[1]


def test_a_camera_that_pauses_between_all_frames_is_slow() -> None:
    said: list[str] = []
    play(RateWatch(50.0, said.append), 0.5, 30.0)
    assert len(said) == 1
    assert "0.5 frames/s, but 50" in said[0]
