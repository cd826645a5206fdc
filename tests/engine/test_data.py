"""Data of events: awaited at every stage, or said why they never come."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from magscope_app.data import DataCoordinates, DataCoordinatesIterator, DataHandler
from magscope_app.engine import (
    DataAcquired,
    DataStored,
    EventAborted,
    EventExecuted,
    ExecutionEngine,
    ExecutionFuture,
    Notification,
)
from magscope_app.storage import NDRAMStorage
from tests.data.storages import FullDiskStorage, GatedStorage
from tests.engine.events import LONG_S, Call, Capture, image


def run(
    handler: DataHandler,
    coordinates: Any,
    check: Callable[[ExecutionEngine, Capture], None],
    gate_at: int = 0,
) -> None:
    with ExecutionEngine() as engine:
        event = Capture(handler, coordinates)
        event.before_gate, event.gate = gate_at, threading.Event()
        try:
            check(engine, event)
        finally:
            event.gate.set()


def test_stored_data_come_with_their_metadata() -> None:
    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        data, metadata = one(
            future.await_data(DataCoordinates(time=np.int64(2)), stored=True, timeout=LONG_S)
        )
        assert np.array_equal(data, image(2))
        assert metadata == {"number": 2}
        every = future.await_data(stored=True, timeout=LONG_S, return_metadata=False)
        assert isinstance(every, list)
        assert [int(entry[0][0, 0]) for entry in every if entry[0] is not None] == [0, 1, 2]
        assert [entry[1] for entry in every] == [None] * 3
        assert future.await_execution(LONG_S) == 3

    with DataHandler(NDRAMStorage()) as handler:
        run(handler, [{"time": time} for time in range(3)], check)


def one(found: Any) -> tuple[Any, Any]:
    assert isinstance(found, tuple)
    return found


def test_acquired_data_are_there_before_they_are_stored() -> None:
    storage = GatedStorage()

    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        data, _ = one(future.await_data({"time": 0}, timeout=LONG_S))
        assert np.array_equal(data, image(0))
        with pytest.raises(TimeoutError, match="not stored in time"):
            future.await_data({"time": 0}, stored=True, timeout=0.05)
        storage.gate.set()
        assert one(future.await_data({"time": 0}, stored=True, timeout=LONG_S))[1] == {"number": 0}

    with DataHandler(storage) as handler:
        run(handler, [{"time": 0}], check)


def test_processed_data() -> None:
    def double(coords: Any, data: Any, metadata: Any) -> Any:
        return None if coords["time"] == 1 else (coords, data * 2, metadata | {"doubled": True})

    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        data, metadata = one(future.await_data({"time": 2}, processed=True, timeout=LONG_S))
        assert data[0, 0] == 4
        assert metadata["doubled"]
        with pytest.raises(LookupError, match="the processor gave nothing on at"):
            future.await_data({"time": 1}, stored=True, timeout=LONG_S)

    with DataHandler(NDRAMStorage(), double) as handler:
        run(handler, [{"time": time} for time in range(3)], check)


def test_discarded_data_are_not_waited_for_while_others_use_the_handler() -> None:
    others = threading.Event()

    def discard(coords: Any, data: Any, metadata: Any) -> Any:
        if coords["time"] == 0:
            return None
        assert others.wait(LONG_S)
        return coords, data, metadata

    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        future.await_execution(LONG_S)
        handler.put({"time": 1}, image(1))
        with pytest.raises(LookupError, match="the processor gave nothing on at time=0"):
            future.await_data({"time": 0}, stored=True, timeout=LONG_S)
        assert handler.pending == 1
        others.set()

    with DataHandler(NDRAMStorage(), discard) as handler:
        run(handler, [{"time": 0}], check)


def test_data_that_never_come() -> None:
    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        with pytest.raises(ValueError, match="has not announced data at"):
            future.await_data({"time": 77}, timeout=LONG_S)
        assert future.await_data({"time": 0}, timeout=LONG_S, return_data=False, return_metadata=False) == (
            None,
            None,
        )
        future.stop()
        event.gate.set()
        with pytest.raises(LookupError, match="ended without data"):
            future.await_data({"time": 5}, timeout=LONG_S)
        assert future.await_execution(LONG_S) == 1

    with DataHandler(NDRAMStorage()) as handler:
        run(handler, [{"time": time} for time in range(9)], check, gate_at=1)


def test_endless_data_until_the_event_is_aborted() -> None:
    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        future.await_data([{"time": 0}, {"time": 1}], stored=True, timeout=LONG_S)
        with pytest.raises(ValueError, match="may never end"):
            future.await_data(timeout=LONG_S)
        future.abort()
        event.gate.set()
        with pytest.raises(EventAborted):
            future.await_data({"time": 10**9}, timeout=LONG_S)
        with pytest.raises(EventAborted):
            future.await_execution(LONG_S)

    with DataHandler(NDRAMStorage()) as handler:
        endless = DataCoordinatesIterator.create({"time": time} for time in itertools.count())
        run(handler, endless, check, gate_at=3)


def test_full_disk_is_told_to_who_waits() -> None:
    def check(engine: ExecutionEngine, event: Capture) -> None:
        future = engine.submit(event)
        with pytest.raises(OSError, match="No space left"):
            future.await_data({"time": 1}, stored=True, timeout=LONG_S)
        # The engine is none the worse for it.
        assert engine.submit(Call(lambda: 1)).await_execution(LONG_S) == 1

    handler = DataHandler(FullDiskStorage(1))
    run(handler, [{"time": 0}, {"time": 1}], check)
    with pytest.raises(OSError, match="No space left"):
        handler.finish()


def test_unannounced_data_are_refused() -> None:
    class Wrong(Capture):
        def execute(self) -> int:
            return self.put_data({"time": 4}, image(0))

    with DataHandler(NDRAMStorage()) as handler, ExecutionEngine() as engine:
        with pytest.raises(ValueError, match="has not announced"):
            engine.submit(Wrong(handler, [{"time": 0}])).await_execution(LONG_S)
        with pytest.raises(KeyError):
            handler.get({"time": 4})


def test_an_event_cannot_wait_for_data_that_its_own_thread_would_produce() -> None:
    class Impatient(Capture):
        def execute(self) -> int:
            assert self.gate.wait(LONG_S)
            self.put_data({"time": 0}, image(0))
            # These are on their way.
            futures[0].await_data({"time": 0}, stored=True, timeout=LONG_S)
            futures[0].await_data({"time": 1}, timeout=3)
            return 0

    futures: list[ExecutionFuture] = []
    with DataHandler(NDRAMStorage()) as handler, ExecutionEngine() as engine:
        event = Impatient(handler, [{"time": 0}, {"time": 1}])
        event.gate = threading.Event()
        futures.append(engine.submit(event))
        event.gate.set()
        queued = Capture(handler, [{"time": 2}])
        futures.append(engine.submit(Call(lambda: engine.submit(queued).await_data({"time": 2}, timeout=3))))
        for future, time in zip(futures, (1, 2), strict=True):
            with pytest.raises(RuntimeError, match=f"the data at time={time} cannot come while the thread"):
                future.await_execution(LONG_S)


def test_data_that_find_no_room_are_not_acquired() -> None:
    storage = GatedStorage()
    seen: list[Notification] = []

    def check(engine: ExecutionEngine, event: Capture) -> None:
        engine.subscribe(seen.append, DataAcquired)
        future = engine.submit(event)
        future.await_data({"time": 0}, timeout=LONG_S)
        while handler.pending < 2:
            time.sleep(0.001)
        future.abort(await_completion=True, timeout=3)
        with pytest.raises(EventAborted):
            future.await_data({"time": 1}, timeout=3)
        storage.gate.set()

    try:
        with DataHandler(storage, queue_size=1) as handler:
            run(handler, [{"time": 0}, {"time": 1}], check)
    finally:
        storage.gate.set()
    assert [one.coordinates for one in seen if isinstance(one, DataAcquired)] == [{"time": 0}]
    assert len(storage) == 1


def test_everyone_may_subscribe() -> None:
    seen: list[Notification] = []
    ends: list[Notification] = []

    def fail(notification: Notification) -> None:
        raise RuntimeError("a subscriber of a user's own")

    with DataHandler(NDRAMStorage()) as handler, ExecutionEngine() as engine:
        engine.subscribe(fail)
        engine.subscribe(seen.append, DataAcquired, DataStored)
        unsubscribe = engine.subscribe(ends.append, EventExecuted)
        event = Capture(handler, [{"time": 0}, {"time": 1}])
        engine.submit(event).await_data(stored=True, timeout=LONG_S)
        failing = Call(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            engine.submit(failing).await_execution(LONG_S)
        handler.await_completion()
        assert engine.notifications_dropped == 0
    unsubscribe()
    unsubscribe()
    for kind in (DataAcquired, DataStored):
        assert [one.coordinates for one in seen if isinstance(one, kind)] == [{"time": 0}, {"time": 1}]
    executed = [end for end in ends if isinstance(end, EventExecuted)]
    assert (executed[0].event, executed[0].exception) == (event, None)


@dataclass
class _Failing:
    """A subscriber that cannot be hashed, as any class with an equality of its own."""

    calls: int = 0

    def __call__(self, notification: Notification) -> None:
        self.calls += 1
        raise RuntimeError(f"call {self.calls}")


def test_a_subscriber_that_always_fails_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    failing = _Failing()
    with ExecutionEngine() as engine:
        engine.subscribe(failing)
        for _ in range(3):
            engine.submit(Call(lambda: 5)).await_execution(LONG_S)
    assert failing.calls == 3
    (said,) = [text for text in caplog.messages if "a subscriber failed" in text]
    assert "call 1" in said


def test_slow_subscriber_holds_up_nothing() -> None:
    gate, entered = threading.Event(), threading.Event()

    def dawdle(_: Notification) -> None:
        entered.set()
        gate.wait(LONG_S)

    try:
        with ExecutionEngine(notifications_size=3) as engine:
            engine.subscribe(dawdle)
            assert engine.submit(Call(lambda: 5)).await_execution(LONG_S) == 5
            assert entered.wait(LONG_S)
            for number in range(20):
                assert engine.submit(Call(lambda: 5)).await_execution(LONG_S) == 5, number
            # One is with the subscriber, three wait; that of the last event may still be on its way.
            assert engine.notifications_dropped in (16, 17)
            gate.set()
    finally:
        gate.set()
