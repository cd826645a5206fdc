"""The engine that executes events."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from magscope_app.data.item import attempt
from magscope_app.data.threads import await_end
from magscope_app.engine.errors import EngineShutDown
from magscope_app.engine.events import Abortable, ExecutorEvent
from magscope_app.engine.future import ExecutionFuture
from magscope_app.engine.notifications import Notification, Notifier, Subscriber

_log = logging.getLogger(__name__)
_WAIT_S = 0.5


class ExecutionEngine:
    """Execute events in the order of their submission, on threads of its own.

    What an event raises ends in its future; the engine goes on. As a context manager it shuts down at the
    end of the block, so await inside of it what you need.

    Parameters
    ----------
    n_threads : int
        Events that run at the same time. With one, the default, events never meet.
    notifications_size : int
        Notifications that may wait for slow subscribers.

    Raises
    ------
    ValueError
        If `n_threads` or `notifications_size` is not positive.
    """

    def __init__(self, n_threads: int = 1, *, notifications_size: int = 10_000) -> None:
        if n_threads < 1 or notifications_size < 1:
            raise ValueError(
                f"n_threads and notifications_size must be positive, not {n_threads} and {notifications_size}"
            )
        self._n_threads = n_threads
        self._notifier = Notifier(notifications_size)
        self._changed = threading.Condition()
        self._waiting: deque[ExecutionFuture] = deque()
        self._running: list[ExecutionFuture] = []
        self._threads: list[threading.Thread] = []
        self._closed = False

    @property
    def notifications_dropped(self) -> int:
        """Notifications that were left out because subscribers were too slow."""
        return self._notifier.dropped

    def submit(self, event: ExecutorEvent, *, prioritize: bool = False) -> ExecutionFuture:
        """Have an event executed.

        Parameters
        ----------
        event : ExecutorEvent
            May be submitted again when it has ended.
        prioritize : bool
            Execute it before all that are waiting.

        Returns
        -------
        ExecutionFuture
            What comes of it.

        Raises
        ------
        TypeError
            If `event` is no `ExecutorEvent`.
        ValueError
            If it was submitted and has not ended.
        EngineShutDown
            After `shutdown`.
        """
        if not isinstance(event, ExecutorEvent):
            raise TypeError(f"an engine executes ExecutorEvents, not {type(event).__name__}")
        future = ExecutionFuture(event, self._notifier.publish, self._is_only_thread)
        with self._changed:
            if self._closed:
                raise EngineShutDown("the engine is shut down: it takes no events any more")
            if event._future is not None and not event._future.is_execution_complete():
                raise ValueError(f"this {type(event).__name__} was submitted and has not ended; make another")
            event._future = future
            if prioritize:
                self._waiting.appendleft(future)
            else:
                self._waiting.append(future)
            self._start_threads()
            self._changed.notify()
        return future

    def subscribe(self, subscriber: Subscriber, *kinds: type[Notification]) -> Callable[[], None]:
        """Be told what happens, in order, on a thread that is there for nothing else.

        Parameters
        ----------
        subscriber : callable
            Called with every notification; what it raises goes to the log.
        *kinds : type
            Only these: `EventExecuted`, `DataAcquired`, `DataStored`.

        Returns
        -------
        callable
            Call it to end the subscription.
        """
        return self._notifier.subscribe(subscriber, kinds)

    def shutdown(self, timeout_s: float = 10.0) -> bool:
        """End. Calling it again does nothing.

        Waiting events are not executed. Running ones are stopped or else aborted, as they allow; those that
        allow neither may end in their own time. After half of the time those that were stopped are aborted,
        where they allow it. All futures raise `EngineShutDown` that have no other end.

        Parameters
        ----------
        timeout_s : float
            At most so long; ``math.inf`` waits for every event, and aborts none.

        Returns
        -------
        bool
            True if all threads have ended; the others end with their events, or with the process.

        Raises
        ------
        RuntimeError
            If called by an event of this engine.
        """
        if threading.current_thread() in self._threads:
            raise RuntimeError("an event cannot shut down the engine that executes it")
        with self._changed:
            self._closed = True
            waiting, running = list(self._waiting), list(self._running)
            self._waiting.clear()
            self._changed.notify_all()
        for future in waiting:
            future._end_unstarted(_shut_down(future, "began"))
        begin = time.monotonic()
        deadline = begin + timeout_s
        for future in running:
            future._end_with_engine()
        self._join(begin + timeout_s / 2)
        for future in running:
            if not future.is_execution_complete() and isinstance(future.event, Abortable):
                future.abort()
        self._join(deadline)
        for future in running:
            if not future.is_execution_complete():
                error = _shut_down(future, "ended")
                _log.error("%s", error)
                future._end(None, error)
        self._notifier.close(max(0.1, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _start_threads(self) -> None:
        """Start one more thread, so late that an unused engine holds none; the caller locks."""
        if len(self._threads) < min(self._n_threads, len(self._waiting) + len(self._running)):
            # Daemons: an event that never ends must not keep the process alive.
            name = f"engine-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _is_only_thread(self) -> bool:
        return self._n_threads == 1 and threading.current_thread() in self._threads

    def _work(self) -> None:
        while (future := self._take()) is not None:
            self._execute(future)
            with self._changed:
                self._running.remove(future)
            # A future, its event and their data are let go of before the next wait.
            del future

    def _take(self) -> ExecutionFuture | None:
        """Wait for an event and return its future; None at the end."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait(_WAIT_S)
            if not self._waiting:
                return None
            future = self._waiting.popleft()
            self._running.append(future)
            return future

    def _execute(self, future: ExecutionFuture) -> None:
        if not future._begin():
            return
        results: list[Any] = []
        error = attempt(lambda: results.append(future.event.execute()))
        future._end(results[0] if results else None, error)

    def _join(self, deadline: float) -> None:
        for thread in list(self._threads):
            await_end(thread, deadline - time.monotonic())


def _shut_down(future: ExecutionFuture, verb: str) -> EngineShutDown:
    return EngineShutDown(f"the engine was shut down before the event {type(future.event).__name__} {verb}")
