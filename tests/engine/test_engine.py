"""Events end in their futures, whatever happens in them."""

from __future__ import annotations

import gc
import math
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magscope_app.engine import (
    Abortable,
    EngineShutDown,
    EventAborted,
    EventExecuted,
    EventStopped,
    ExecutionEngine,
    ExecutionFuture,
    ExecutorEvent,
    Notification,
    Stoppable,
)
from tests.engine.events import LONG_S, Call, Counting, DeafAbortable, Gate


@pytest.fixture
def engine() -> Iterator[ExecutionEngine]:
    with ExecutionEngine() as made:
        yield made


def test_result_comes_back_from_another_thread(engine: ExecutionEngine) -> None:
    future = engine.submit(Call(threading.get_ident))
    assert future.await_execution(LONG_S) != threading.get_ident()
    assert future.is_execution_complete()
    assert future.exception is None
    assert future.result == future.await_execution()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["ok", "fails", "exits"]), min_size=1, max_size=12), st.integers(1, 3))
def test_every_event_ends_in_its_own_future_in_order(kinds: list[str], n_threads: int) -> None:
    order: list[int] = []

    def act(number: int, kind: str) -> int:
        order.append(number)
        if kind == "fails":
            raise KeyError(number)
        if kind == "exits":
            sys.exit(number)
        return number

    with ExecutionEngine(n_threads) as engine:
        futures = [
            engine.submit(Call(lambda n=n, k=k: act(n, k)))  # type: ignore[misc]  # mypy cannot infer them
            for n, k in enumerate(kinds)
        ]
        for number, (kind, future) in enumerate(zip(kinds, futures, strict=True)):
            if kind == "ok":
                assert future.await_execution(LONG_S) == number
            else:
                expected: type[BaseException] = KeyError if kind == "fails" else SystemExit
                with pytest.raises(expected) as caught:
                    future.await_execution(LONG_S)
                assert caught.value is future.exception
                assert caught.value.args == (number,)
    assert sorted(order) == list(range(len(kinds)))
    if n_threads == 1:
        assert order == sorted(order)


def test_prioritized_event_comes_before_those_that_wait(engine: ExecutionEngine) -> None:
    gate, order = Gate(), list[str]()
    engine.submit(gate)
    last = engine.submit(Call(lambda: order.append("last")))
    engine.submit(Call(lambda: order.append("first")), prioritize=True)
    gate.gate.set()
    last.await_execution(LONG_S)
    assert order == ["first", "last"]


def test_waiting_in_vain(engine: ExecutionEngine) -> None:
    gate = Gate()
    future = engine.submit(gate)
    with pytest.raises(TimeoutError, match=r"Gate has not ended within 0\.01 s"):
        future.await_execution(0.01)
    with pytest.raises(RuntimeError, match="has not ended yet"):
        _ = future.result
    assert not future.is_execution_complete()
    gate.gate.set()
    assert future.await_execution(LONG_S) == "through"


def test_stopped_event_ends_in_order_and_may_run_again(engine: ExecutionEngine) -> None:
    event = Counting()
    for _ in range(2):
        event.began.clear()
        future = engine.submit(event)
        assert event.began.wait(LONG_S)
        with pytest.raises(ValueError, match="was submitted and has not ended"):
            engine.submit(event)
        future.stop(await_completion=True, timeout=LONG_S)
        assert str(future.result).startswith("ended in order")
    assert event.steps == 2


def test_aborted_event_ends_at_once(engine: ExecutionEngine) -> None:
    event = Counting()
    future = engine.submit(event)
    assert event.began.wait(LONG_S)
    # The event itself waits twice as long; an end that does not wake it is a TimeoutError.
    future.abort(await_completion=True, timeout=LONG_S / 2)
    with pytest.raises(EventAborted, match="the event Counting was aborted"):
        future.await_execution(LONG_S)


def test_half_a_result_of_an_aborted_event_is_none(engine: ExecutionEngine) -> None:
    event = DeafAbortable()
    future = engine.submit(event)
    assert event.began.wait(LONG_S)
    future.abort()
    assert not future.is_execution_complete()
    event.gate.set()
    with pytest.raises(EventAborted):
        future.await_execution(LONG_S)
    assert event.noticed


def test_event_that_has_not_begun_never_does(engine: ExecutionEngine) -> None:
    gate, first, second = Gate(), Counting(), Counting()
    engine.submit(gate)
    stopped, aborted = engine.submit(first), engine.submit(second)
    stopped.stop()
    aborted.abort()
    with pytest.raises(EventStopped, match="before it began"):
        stopped.await_execution(0.0)
    with pytest.raises(EventAborted):
        aborted.await_execution(0.0)
    gate.gate.set()
    assert engine.submit(Call(lambda: 7)).await_execution(LONG_S) == 7
    assert not first.began.is_set()
    assert not second.began.is_set()


def test_what_an_event_cannot_do_is_refused(engine: ExecutionEngine) -> None:
    future = engine.submit(Call(lambda: None))
    with pytest.raises(TypeError, match="Call is not Stoppable"):
        future.stop()
    with pytest.raises(TypeError, match="Call is not Abortable"):
        future.abort()
    with pytest.raises(TypeError, match="Call is not DataProducing"):
        future.await_data({"time": 0})
    with pytest.raises(TypeError, match="ExecutorEvents, not function"):
        engine.submit(lambda: None)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(RuntimeError, match="submit it first"):
        Counting().is_stop_requested()
    with pytest.raises(ValueError, match="must be positive"):
        ExecutionEngine(0)


def test_event_cannot_wait_for_its_own_thread(engine: ExecutionEngine) -> None:
    outer = engine.submit(Call(lambda: engine.submit(Call(lambda: 1)).await_execution(LONG_S)))
    with pytest.raises(RuntimeError, match="while the thread that executes events waits"):
        outer.await_execution(LONG_S)
    shutting = engine.submit(Call(engine.shutdown))
    with pytest.raises(RuntimeError, match="cannot shut down the engine"):
        shutting.await_execution(LONG_S)


def test_event_may_wait_for_another_on_another_thread() -> None:
    with ExecutionEngine(2) as engine:
        outer = engine.submit(Call(lambda: engine.submit(Call(lambda: 1)).await_execution(LONG_S)))
        assert outer.await_execution(LONG_S) == 1


def test_shut_down_resolves_every_future() -> None:
    engine = ExecutionEngine()
    running, waiting = Counting(), Call(lambda: 1)
    futures = [engine.submit(running), engine.submit(waiting)]
    assert running.began.wait(LONG_S)
    assert engine.shutdown(LONG_S)
    assert engine.shutdown(LONG_S)
    assert str(futures[0].result).startswith("ended in order")
    with pytest.raises(EngineShutDown, match="shut down before the event Call began"):
        futures[1].await_execution()
    with pytest.raises(EngineShutDown, match="takes no events"):
        engine.submit(Call(lambda: 1))


def test_event_that_does_not_end_does_not_hold_up_the_shut_down() -> None:
    class Stubborn(ExecutorEvent):
        began = threading.Event()

        def execute(self) -> None:
            self.began.set()
            while True:
                self.wait(0.05)

    engine = ExecutionEngine()
    seen: list[Notification] = []
    engine.subscribe(seen.append)
    event = Stubborn()
    future = engine.submit(event)
    assert event.began.wait(LONG_S)
    engine.shutdown(0.2)
    with pytest.raises(EngineShutDown, match="before the event Stubborn ended"):
        future.await_execution()
    # Its next wait ends it, so that nothing goes on unseen.
    assert engine.shutdown(LONG_S)
    assert [type(one) for one in seen] == [EventExecuted]


def test_waits_may_have_no_end() -> None:
    class Endless(ExecutorEvent, Stoppable, Abortable):
        began = threading.Event()

        def execute(self) -> bool:
            self.began.set()
            return self.wait(math.inf)

    engine = ExecutionEngine()
    engine.subscribe(lambda _: None)
    event = Endless()
    future = engine.submit(event)
    assert event.began.wait(LONG_S)
    assert engine.shutdown(math.inf)
    assert future.result is True


def test_waiters_are_freed_by_a_shut_down() -> None:
    engine, gate = ExecutionEngine(), Gate()
    engine.submit(gate)
    future = engine.submit(Call(lambda: 1))
    caught: list[BaseException | None] = []

    def await_it() -> None:
        with pytest.raises(EngineShutDown):
            future.await_execution()
        caught.append(future.exception)

    waiter = threading.Thread(target=await_it)
    waiter.start()
    engine.shutdown(0.1)
    waiter.join(LONG_S)
    assert isinstance(caught[0], EngineShutDown)
    gate.gate.set()
    assert engine.shutdown(LONG_S)


def test_engine_keeps_nothing_of_what_has_ended(engine: ExecutionEngine) -> None:
    def submit() -> weakref.ref[ExecutionFuture]:
        future = engine.submit(Call(lambda: 1))
        future.await_execution(LONG_S)
        return weakref.ref(future)

    ended = submit()
    engine.submit(Call(lambda: 2)).await_execution(LONG_S)
    deadline = time.monotonic() + LONG_S
    while ended() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert ended() is None
