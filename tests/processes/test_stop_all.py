"""All axes of a controller are told to stop at once, whatever the stop of one of them does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from magscope_app.config import Config
from magscope_app.datatypes import MatrixBuffer, Session
from magscope_app.devices import MotorContext
from magscope_app.messages import MotorChanged
from magscope_app.processes.axis import Axis
from magscope_app.processes.motor_worker import MotorWorker
from tests.hardware.simulated.twin import twin_config
from tests.processes.stages import RunawayStage

MakeWorker = Callable[..., tuple[MotorWorker, list[Axis]]]


@pytest.fixture
def worker() -> Iterator[MakeWorker]:
    """Make the thread of a controller with an axis for each class, all open."""
    session, made = Session.create(), []
    telemetry = MatrixBuffer(
        create=True, locks={"t": threading.Lock()}, name="t", shape=(100, 5), session=session
    )

    def make(*drivers: type[RunawayStage]) -> tuple[MotorWorker, list[Axis]]:
        names = [f"m{number}" for number in range(len(drivers))]
        entries = [{"name": name, "driver": "a:B"} for name in names]
        config = Config.model_validate(
            twin_config().model_dump(exclude_none=True, exclude={"motors"}) | {"motors": entries}
        )
        ready = [threading.Event() for _ in drivers]

        def tell(event: threading.Event, message: MotorChanged) -> None:
            if message.status.state == "ready":
                event.set()

        axes = [
            Axis(
                entry.name,
                partial(driver, MotorContext(config=config, motor=entry)),
                telemetry,
                0,
                partial(tell, event),
            )
            for driver, entry, event in zip(drivers, config.motors, ready, strict=True)
        ]
        made.append(MotorWorker(axes))
        for axis, event in zip(axes, ready, strict=True):
            made[-1].submit(axis.open)
            assert event.wait(20.0)
        return made[-1], axes

    yield make
    for each in made:
        each.end()
    telemetry.close()
    session.close()


def test_a_stop_that_waits_holds_up_no_other(worker: MakeWorker) -> None:
    last_told, in_time = threading.Event(), []

    class Waiting(RunawayStage):
        def stop(self) -> None:
            in_time.append(last_told.wait(0.4))

    class Quick(RunawayStage):
        def stop(self) -> None:
            last_told.set()

    thread, _ = worker(Waiting, Waiting, Waiting, Quick)
    thread.stop_all()
    assert last_told.wait(20.0)
    deadline = time.monotonic() + 20.0
    while len(in_time) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert in_time == [True] * 3


def test_an_axis_that_moves_is_told_before_those_that_stand(worker: MakeWorker) -> None:
    told = []

    class Noting(RunawayStage):
        def stop(self) -> None:
            told.append(self.name)
            super().stop()

    thread, axes = worker(Noting, Noting, Noting)
    thread.submit(partial(axes[2].move, 50.0))
    deadline = time.monotonic() + 20.0
    while axes[2].state != "moving" or axes[2].is_called:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    thread.stop_all()
    while len(told) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert told[0] == "m2"
