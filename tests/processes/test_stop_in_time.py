"""A stop that comes while a command is checked or sent is obeyed; a jog never breaks off a homing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from magscope_app.devices import MotorContext
from magscope_app.devices.force import ExponentialForce
from magscope_app.processes.axis import Axis
from tests.processes.bench import Bench, MakeBench, benches
from tests.processes.stages import RunawayStage

WAIT_S = 20.0
FORCE = ExponentialForce(40.0, 4.0)


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    yield from benches()


class AskedStage(RunawayStage):
    """Waits in the next call of one kind until it is let go; notes moves and stops."""

    def __init__(self, context: MotorContext) -> None:
        super().__init__(context)
        self.waits_in = ""
        self.asked, self.go = threading.Event(), threading.Event()
        self.log: list[str] = []

    def _answer(self, question: str) -> None:
        if question == self.waits_in:
            self.waits_in = ""
            self.asked.set()
            assert self.go.wait(WAIT_S)

    def device_limits(self) -> tuple[float, float]:
        self._answer("device_limits")
        return 0.0, 100.0

    def position(self) -> float:
        self._answer("position")
        return super().position()

    def home_position(self) -> float | None:
        self._answer("home_position")
        return 0.0

    def home(self) -> None:
        self.start_move(0.0)

    def start_move(self, position: float) -> None:
        self._answer("start_move")
        self.log.append("move")
        super().start_move(position)

    def stop(self) -> None:
        self.log.append("stop")
        super().stop()


def _stop_in(run: Bench, question: str, command: Callable[[], None]) -> list[str]:
    """Have everything stopped while the driver answers a question of the command; return what is refused."""
    motor = run.motor
    assert isinstance(motor, AskedStage)

    def obey() -> None:
        motor.waits_in = question
        command()

    refused = run.do(obey)
    assert motor.asked.wait(WAIT_S)
    run.worker.stop_all()
    run.until(lambda: motor.stops > 0)
    motor.go.set()
    return refused


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("device_limits", lambda axis: axis.move(50.0)),
        ("device_limits", lambda axis: axis.set_force(FORCE, 20.0)),
        ("position", lambda axis: axis.ramp_force(FORCE, 20.0, 1.0)),
        ("home_position", lambda axis: axis.home()),
    ],
    ids=["move", "force", "ramp", "home"],
)
def test_a_command_that_is_checked_when_the_stop_comes_does_not_begin(
    bench: MakeBench, question: str, command: Callable[[Axis], None]
) -> None:
    run = bench(AskedStage)
    assert isinstance(run.motor, AskedStage)
    refused = _stop_in(run, question, lambda: command(run.axis))
    run.until(lambda: bool(refused))
    assert refused == ["stage was told to stop before it set off"]
    rows = run.telemetry.rows_written
    run.until(lambda: run.telemetry.rows_written > rows + 5)
    assert "move" not in run.motor.log
    assert run.axis.state == "ready"
    # The next one is obeyed.
    run.do(partial(run.axis.move, 0.05))
    run.until_said("ready")
    assert run.telemetry.newest(1)[0][1] == pytest.approx(0.05)


def test_a_move_that_goes_on_is_stopped_though_another_was_being_checked(bench: MakeBench) -> None:
    run = bench(AskedStage)
    run.do(partial(run.axis.move, 50.0))
    run.until_said("moving")
    refused = _stop_in(run, "device_limits", partial(run.axis.move, 60.0))
    assert run.until_said("ready").startswith("stage was stopped at ")
    assert refused == ["stage was told to stop before it set off"]


@pytest.mark.parametrize("question", ["start_move", "device_limits"])
def test_a_step_of_a_ramp_that_is_sent_after_the_stop_is_followed_by_another_stop(
    bench: MakeBench, question: str
) -> None:
    run = bench(AskedStage)
    motor = run.motor
    assert isinstance(motor, AskedStage)
    run.do(partial(run.axis.move, 1.0))
    run.until_said("ready")
    run.do(partial(run.axis.ramp_force, FORCE, 20.0, 1.0))
    run.until(lambda: motor.log.count("move") > 3)
    _stop_in_step(run, motor, question)
    assert run.until_said("ready").startswith("stage was stopped at ")
    assert motor.log[-2:] == ["move", "stop"]


def _stop_in_step(run: Bench, motor: AskedStage, question: str) -> None:
    motor.waits_in = question
    assert motor.asked.wait(WAIT_S)
    run.worker.stop_all()
    run.until(lambda: motor.stops > 0)
    motor.go.set()


class LateStage(AskedStage):
    """`start_move` returns when the axis has arrived; what stopped it before it began is forgotten."""

    def start_move(self, position: float) -> None:
        super().start_move(position)
        stops = self.stops
        while self.is_moving() and self.stops == stops:
            threading.Event().wait(0.005)


def test_a_driver_that_sets_off_after_the_stop_and_waits_is_told_again_at_once(bench: MakeBench) -> None:
    run = bench(LateStage)
    _stop_in(run, "start_move", partial(run.axis.move, 50.0))
    run.until_said("ready")
    # Half a second later it would have been an axis that cannot be stopped.
    assert [status.state for status in run.said] == ["moving", "ready"]
    assert run.said[-1].text.startswith("stage was stopped at ")


@pytest.mark.parametrize("known", [True, False])
def test_a_jog_does_not_break_off_a_homing(bench: MakeBench, *, known: bool) -> None:
    run = bench(AskedStage if known else RunawayStage)
    run.do(partial(run.axis.move, 0.8))
    run.until_said("ready")
    run.do(run.axis.home)
    run.until(lambda: run.telemetry.newest(1)[0][3] == 1.0)
    target = run.telemetry.newest(1)[0][2]
    assert target == 0.0 if known else target != target
    refused = run.do(partial(run.axis.jog, 0.1))
    run.until(lambda: bool(refused))
    assert refused == ["stage looks for its reference position; wait for it, or stop it"]
    run.until_said("ready")
    place = 0.0 if known else -0.1
    assert run.telemetry.newest(1)[0][1:3] == pytest.approx([place, place])
    run.do(partial(run.axis.jog, 0.2))
    run.until_said("ready")
    assert run.telemetry.newest(1)[0][1] == pytest.approx(place + 0.2)
