"""One axis with its thread and telemetry, as in a motors process, but in this one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from magscope_app.config import Config
from magscope_app.datatypes import MatrixBuffer, Session
from magscope_app.devices import DeviceError, MotorContext
from magscope_app.messages import MotorChanged, MotorStatus
from magscope_app.processes.axis import Axis
from magscope_app.processes.motor_worker import MotorWorker
from tests.hardware.simulated.twin import twin_config
from tests.processes.stages import RunawayStage


class Bench:
    """One axis with its thread and telemetry, as in a motors process."""

    def __init__(self, telemetry: MatrixBuffer, make: type[RunawayStage], entry: dict[str, Any]) -> None:
        stage = {"name": "stage", "driver": "tests.processes.stages:RunawayStage", "telemetry_hz": 200.0}
        config = Config.model_validate(
            twin_config().model_dump(exclude_none=True, exclude={"motors"}) | {"motors": [stage | entry]}
        )
        self.motor = make(MotorContext(config=config, motor=config.motors[0]))
        self.said: list[MotorStatus] = []
        self.telemetry = telemetry
        axis = Axis("stage", lambda: self.motor, telemetry, time.perf_counter_ns(), self._hear)
        self.axis, self.worker = axis, MotorWorker((axis,))
        self.worker.submit(axis.open)
        self.until(lambda: bool(self.said) and self.said[-1].state in ("ready", "lost"))

    def _hear(self, message: MotorChanged) -> None:
        self.said.append(message.status)

    def do(self, job: Callable[[], None]) -> list[str]:
        """Have a command carried out; return what was refused, when it is."""
        refused: list[str] = []

        def obey() -> None:
            try:
                job()
            except DeviceError as error:
                refused.append(str(error))

        self.said.clear()
        self.worker.submit(obey)
        return refused

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < deadline, self.said
            self.worker.watch()
            time.sleep(0.01)

    def until_said(self, state: str) -> str:
        self.until(lambda: bool(self.said) and self.said[-1].state == state)
        return self.said[-1].text


MakeBench = Callable[..., Bench]


def benches() -> Iterator[MakeBench]:
    """Lend a function that makes benches; end them all afterwards."""
    session = Session.create()
    locks = {"stage": threading.Lock()}
    telemetry = MatrixBuffer(create=True, locks=locks, name="stage", shape=(5000, 5), session=session)
    made: list[Bench] = []

    def make(motor: type[RunawayStage] = RunawayStage, /, **entry: Any) -> Bench:
        made.append(Bench(telemetry, motor, entry))
        return made[-1]

    yield make
    for each in made:
        each.worker.end()
    telemetry.close()
    session.close()
