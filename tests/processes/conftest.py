"""Benches for axes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from magscope_app.datatypes import MatrixBuffer, Session
from tests.processes.bench import Bench, MakeBench
from tests.processes.stages import RunawayStage


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    session = Session.create()
    locks = {"stage": threading.Lock()}
    telemetry = MatrixBuffer(create=True, locks=locks, name="stage", shape=(5000, 5), session=session)
    benches: list[Bench] = []

    def make(motor: type[RunawayStage] = RunawayStage, /, **entry: Any) -> Bench:
        benches.append(Bench(telemetry, motor, entry))
        return benches[-1]

    yield make
    for each in benches:
        each.worker.end()
    telemetry.close()
    session.close()
