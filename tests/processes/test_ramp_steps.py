"""A ramp goes in fine steps, however seldom telemetry is written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from magscope_app.devices.force import ExponentialForce
from tests.processes.bench import MakeBench, benches
from tests.processes.stages import RunawayStage


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    yield from benches()


class NotingStage(RunawayStage):
    told: list[float]

    def start_move(self, position: float) -> None:
        self.told.append(position)
        super().start_move(position)


def test_a_ramp_goes_in_fine_steps_however_seldom_telemetry_is_written(bench: MakeBench) -> None:
    NotingStage.told = []
    run = bench(NotingStage, telemetry_hz=2.0, limits=[0.0, 20.0])
    run.do(partial(run.axis.move, 0.5))
    run.until_said("ready")
    rows, NotingStage.told = run.telemetry.rows_written, []
    run.do(partial(run.axis.ramp_force, ExponentialForce(40.0, 4.0), 26.0, 5.0))
    run.until_said("ready")
    # 9.3 pN in 1.9 s: 93 steps on a machine with time, and never as few as there are rows.
    assert len(NotingStage.told) > 15
    assert NotingStage.told == sorted(NotingStage.told)
    assert run.telemetry.rows_written - rows < 12
