"""An axis that does not stop, does not know where it is, or has its reference position beyond its limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from magscope_app.devices import DeviceLost
from tests.processes.bench import MakeBench, benches
from tests.processes.stages import RunawayStage


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    yield from benches()


@pytest.mark.parametrize(
    ("stop", "because", "way_mm"),
    [("raises", " (OSError: the line is busy)", 0.8), ("nothing", "", 1.3)],
    ids=["raises", "nothing"],
)
def test_an_axis_that_goes_on_after_a_stop_is_never_called_stopped(
    bench: MakeBench, stop: str, because: str, way_mm: float
) -> None:
    run = bench(settings={"stop": stop})
    run.do(partial(run.axis.move, way_mm))
    run.until_said("moving")
    run.worker.stop_all()
    told = run.until_said("error")
    assert told.startswith(f"stage could not be stopped{because}: it is at ")
    assert "mm and moves on; it is told to stop again and again, but switch it off" in told
    # It is told again, and what telemetry says is true.
    stops = run.motor.stops
    run.until(lambda: run.motor.stops > stops)
    _, position, target, moving, _ = run.telemetry.newest(1)[0]
    assert (target, moving) == (way_mm, 1.0)
    assert position < way_mm
    run.until(lambda: len(run.said) == 3)
    last = run.said[-1]
    assert last.state == "error"
    assert last.text.startswith(f"stage could not be stopped: it came to rest by itself at {way_mm:g} mm, ")
    assert f" s after it was told to stop{because}; look at it before the next move" in last.text
    run.until(lambda: run.telemetry.newest(1)[0][3] == 0.0)


def test_an_axis_that_obeys_the_second_stop_was_stopped_late(bench: MakeBench) -> None:
    run = bench(settings={"stop": "second"})
    run.do(partial(run.axis.move, 50.0))
    run.until_said("moving")
    run.worker.stop_all()
    run.until_said("error")
    assert ", but only " in run.until_said("ready")


def test_a_move_that_fails_and_cannot_be_stopped_says_both(bench: MakeBench) -> None:
    run = bench(settings={"stop": "raises"}, timeout_s=0.1)
    run.do(partial(run.axis.move, 0.8))
    told = run.until_said("error")
    assert told.startswith(
        "stage did not reach 0.8 mm in its time and could not be stopped (OSError: the line"
    )
    run.until(lambda: len(run.said) == 3)
    assert "stage did not reach 0.8 mm in its time; it came to rest at 0.8 mm, " in run.said[-1].text


class RestlessStage(RunawayStage):
    """Is where it is sent, and says that it moves until it is told to stop."""

    restless = False

    def start_move(self, position: float) -> None:
        self.restless = True

    def is_moving(self) -> bool:
        return self.restless and not self.stops


def test_an_axis_that_arrives_and_never_rests_is_not_said_to_be_elsewhere(bench: MakeBench) -> None:
    run = bench(RestlessStage, timeout_s=0.1)
    run.do(partial(run.axis.move, 0.0))
    said = run.until_said("error")
    assert (
        said == "stage did not reach 0 mm and come to rest in its time; it stopped at 0 mm, look at the axis"
    )


def test_an_axis_without_a_place_runs_out_of_time(bench: MakeBench) -> None:
    run = bench(settings={"nan": True}, timeout_s=0.2)
    run.do(partial(run.axis.move, 1.0))
    run.until_said("lost")
    failed, lost = run.said[1:]
    assert failed.state == "error"
    assert failed.text == (
        "stage did not reach 1 mm in its time: it gives nan as its position; it was stopped, look where it is"
    )
    assert lost.text.startswith("stage does not answer any more: it gives nan as its position; ")
    assert run.motor.stops
    assert not run.motor.is_moving()


def test_a_reference_position_beyond_the_limits_is_refused_or_said(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    run = bench(settings={"home": -0.1}, limits=[0.0, 5.0])
    sentence = (
        "the reference position of stage, -0.1 mm, is outside its limits, 0 to 5 mm; it is not sent there"
    )
    assert sentence in caplog.text
    refused = run.do(run.axis.home)
    run.until(lambda: bool(refused))
    assert sentence in refused[0]
    # Where the driver does not know it before, it is an error afterwards.
    other = bench(limits=[0.0, 5.0])
    other.do(other.axis.home)
    assert other.until_said("error").startswith(
        "stage has its reference position at -0.1 mm, outside its limits, 0 to 5 mm; move it back"
    )


class TalkativeStage(RunawayStage):
    def is_moving(self) -> bool:
        if self._way:
            raise DeviceLost("stage does not answer any more: the cable is out")
        return False


def test_what_the_driver_says_is_not_said_twice(bench: MakeBench) -> None:
    run = bench(TalkativeStage)
    run.do(partial(run.axis.move, 1.0))
    assert run.until_said("lost") == (
        "stage does not answer any more: the cable is out; it may still move; see to it, then reconnect it"
    )


def test_a_refused_value_does_not_look_like_a_limit(bench: MakeBench) -> None:
    run = bench(limits=[0.0, 5.0])
    refused = run.do(partial(run.axis.move, 5.0000001))
    run.until(lambda: bool(refused))
    assert refused == ["stage cannot go to 5.0000001 mm: its limits are 0 to 5 mm"]
