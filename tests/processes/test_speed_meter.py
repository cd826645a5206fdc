"""How the line says that tracking does not keep up."""

from __future__ import annotations

import logging

import pytest

from magscope_app.processes.speed_meter import SpeedMeter


def test_speed_is_told_once_a_second() -> None:
    meter = SpeedMeter(100.0, 1)
    assert meter.news(10.0, 0.0, 5) is None
    meter.add(16, 0.04)
    meter.add(4, 0.01)
    news = meter.news(10.1, 0.0, 5)
    assert news is not None
    assert news.fps == pytest.approx(400.0)
    meter.add(1, 0.1)
    assert meter.news(10.5, 0.0, 5) is None
    meter.add(1, 0.1)
    news = meter.news(11.2, 0.0, 5)
    assert news is not None
    assert news.fps == pytest.approx(10.0)


def test_warns_once_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    meter = SpeedMeter(100.0, 2)
    with caplog.at_level(logging.WARNING):
        for second in range(10):
            meter.add(80, 1.0)
            # A full ring alone, or a slow second alone, is no reason to worry.
            meter.news(float(2 * second), 0.9 if second >= 4 else 0.1, 500)
    assert len(caplog.records) == 1
    said = caplog.records[0].getMessage()
    assert "80 of the camera's 100" in said
    assert "500 beads on 2 threads" in said
    assert "20 % will be lost" in said


def test_no_warning_when_the_recorder_is_slow(caplog: pytest.LogCaptureFixture) -> None:
    meter = SpeedMeter(100.0, 1)
    for second in range(10):
        meter.add(100, 0.2)
        meter.news(float(2 * second), 0.9, 50)
    assert not caplog.records
