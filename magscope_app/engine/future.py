"""What comes of a submitted event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from magscope_app.data import DataCoordinates, DataCoordinatesIterator, as_frozen
from magscope_app.data.iterator import CoordinatesSource
from magscope_app.data.storage import Metadata, Pixels
from magscope_app.engine.arrivals import Arrivals, Stage
from magscope_app.engine.errors import EventAborted, EventStopped
from magscope_app.engine.events import Abortable, DataProducing, ExecutorEvent, Stoppable
from magscope_app.engine.notifications import DataAcquired, DataStored, EventExecuted, Notification

_TICK_S = 0.25
Request: TypeAlias = Literal["stop", "abort"]
DataAndMetadata: TypeAlias = tuple[Pixels | None, Metadata | None]


class ExecutionFuture:
    """The end of one event, and the data that it produces on the way; `ExecutionEngine.submit` returns it.

    Every method may be called from any thread. A timeout of None waits until the event has ended; that
    happens at the latest when the engine is shut down.

    Attributes
    ----------
    event : ExecutorEvent
        The event.
    """

    def __init__(
        self,
        event: ExecutorEvent,
        publish: Callable[[Notification], None],
        is_own_thread: Callable[[], bool],
    ) -> None:
        self.event = event
        self._publish = publish
        self._is_own_thread = is_own_thread
        self._changed = threading.Condition()
        self._requests: set[Request] = set()
        self._arrivals = Arrivals()
        self._started = False
        self._done = False
        self._result: Any = None
        self._exception: BaseException | None = None

    # --- the end of the event ----------------------------------------------------------------

    def is_execution_complete(self) -> bool:
        """Return whether the event has ended, in whatever way."""
        return self._done

    @property
    def result(self) -> Any:
        """What the event returned; raises what it raised, and RuntimeError while it has not ended."""
        if not self._done:
            raise RuntimeError(f"{self._name} has not ended yet: use await_execution()")
        if self._exception is not None:
            raise self._exception
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """What the event raised, or why it gave no result; None if all went well or it has not ended."""
        return self._exception

    def await_execution(self, timeout: float | None = None) -> Any:
        """Wait until the event has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds.

        Returns
        -------
        object
            What the event returned.

        Raises
        ------
        TimeoutError
            If that takes longer than `timeout`; the event goes on.
        EventAborted, EventStopped
            If it was aborted, or stopped before it began.
        EngineShutDown
            If the engine was shut down before.
        RuntimeError
            If the only thread that could execute the event is the one that calls.
        Exception
            What the event raised.
        """
        deadline = _deadline(timeout)
        with self._changed:
            self._refuse_own_thread(f"{self._name} cannot end")
            while not self._done:
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError(f"{self._name} has not ended within {timeout:g} s")
                self._changed.wait(min(left, _TICK_S))
        return self.result

    def stop(self, await_completion: bool = False, timeout: float | None = None) -> None:
        """Ask the event to end in order; one that has not begun never will.

        Parameters
        ----------
        await_completion : bool
            Wait until it has ended, in whatever way.
        timeout : float, optional
            Seconds.

        Raises
        ------
        TypeError
            If the event is not `Stoppable`.
        TimeoutError
            If it does not end in time.
        """
        self._require(Stoppable)
        self._request("stop", EventStopped(f"{self._name} was stopped before it began"))
        if await_completion:
            self._await_end(timeout)

    def abort(self, await_completion: bool = False, timeout: float | None = None) -> None:
        """Break the event off; parameters and errors as for `stop`, for events that are `Abortable`."""
        self._require(Abortable)
        self._request("abort", self._aborted())
        if await_completion:
            self._await_end(timeout)

    # --- data ----------------------------------------------------------------------------------

    def await_data(
        self,
        coordinates: DataCoordinatesIterator | CoordinatesSource | None = None,
        *,
        processed: bool = False,
        stored: bool = False,
        return_data: bool = True,
        return_metadata: bool = True,
        timeout: float | None = None,
    ) -> DataAndMetadata | list[DataAndMetadata]:
        """Wait for data of the event.

        Parameters
        ----------
        coordinates : DataCoordinates, dict, or a finite sequence of them, optional
            Which; all that the event has announced if not given.
        processed, stored : bool
            Wait until they are processed, or stored; else until they are acquired.
        return_data, return_metadata : bool
            What to return; the other is None.
        timeout : float, optional
            Seconds for all of them.

        Returns
        -------
        tuple or list of tuples
            Data (height, width) and metadata: one tuple for one set of coordinates, else a list. Data that
            were processed meanwhile are returned as processed.

        Raises
        ------
        TypeError
            If the event is not `DataProducing`.
        ValueError
            If the event has not announced such data and none have come, or `coordinates` may never end.
        LookupError
            If the event has ended without them, or without a processor that gave them on: it may do so
            later, or under other coordinates, as long as the event goes on.
        TimeoutError
            If they do not come in time.
        RuntimeError
            If the only thread that could produce them is the one that calls.
        Exception
            What the processor, the storage or the event raised.
        """
        event = self._producer()
        if isinstance(coordinates, Mapping):
            return self._await_one(
                event,
                coordinates,
                _stage(processed, stored),
                (return_data, return_metadata),
                _deadline(timeout),
            )
        wanted = event.coordinates if coordinates is None else DataCoordinatesIterator.create(coordinates)
        if not wanted.is_finite():
            raise ValueError("these coordinates may never end: give a list of those to wait for")
        deadline = _deadline(timeout)
        parts = (return_data, return_metadata)
        return [self._await_one(event, one, _stage(processed, stored), parts, deadline) for one in wanted]

    def _await_one(
        self,
        event: DataProducing,
        coordinates: Mapping[str, Any],
        stage: Stage,
        parts: tuple[bool, bool],
        deadline: float,
    ) -> DataAndMetadata:
        key = as_frozen(coordinates)
        handler = event.data_handler
        with self._changed:
            if (
                self._arrivals.stage(key) is Stage.NOWHERE
                and event.coordinates.might_produce_coordinates(key) is False
            ):
                raise ValueError(f"{self._name} has not announced data at {key}")
            while self._arrivals.stage(key) < stage:
                is_open = handler.has_news_for(self)
                self._arrivals.raise_if_hopeless(
                    key, is_open, handler.failures, ended=self._done, error=self._exception
                )
                # What was put before may still be on its way, perhaps to these coordinates.
                if not is_open:
                    self._refuse_own_thread(f"the data at {key} cannot come")
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError(f"the data at {key} are not {stage.name.lower()} in time")
                self._changed.wait(min(left, _TICK_S))
        found = handler.get(key, *parts) if any(parts) else (None, None)
        assert found is not None  # only a question for processed data is answered so
        return found

    def _notify_data(
        self, coordinates: DataCoordinates, data: Pixels, metadata: Metadata, *, processed: bool, stored: bool
    ) -> None:
        """Note where data are; the data handler calls this."""
        del data, metadata  # the handler keeps them
        key = coordinates.frozen()
        with self._changed:
            stage = self._arrivals.note(key, processed=processed, stored=stored)
            self._changed.notify_all()
        if stage is Stage.ACQUIRED:
            self._publish(DataAcquired(self.event, key))
        elif stage is Stage.STORED:
            self._publish(DataStored(self.event, key))

    # --- for the engine and the event ------------------------------------------------------------

    def _begin(self) -> bool:
        """Return whether the event is still to be executed; from now on it is running."""
        with self._changed:
            self._started = not self._done
            return self._started

    def _end(self, result: Any, error: BaseException | None) -> None:
        """Keep how the event ended, unless that is already known, and tell everyone."""
        with self._changed:
            if self._done:
                return
            if "abort" in self._requests and not isinstance(error, EventAborted):
                # Whatever it returned is not what it would have returned.
                aborted = self._aborted()
                aborted.__cause__ = error
                result, error = None, aborted
            self._result, self._exception, self._done = result, error, True
            self._changed.notify_all()
        self._publish(EventExecuted(self.event, error))

    def _end_with_engine(self) -> None:
        """Ask the event, as gently as it allows, to end with the engine."""
        if isinstance(self.event, Stoppable):
            self.stop()
        elif isinstance(self.event, Abortable):
            self.abort()

    def _is_requested(self, request: Request) -> bool:
        return request in self._requests

    def _raise_abort(self) -> None:
        if "abort" in self._requests:
            raise self._aborted()

    def _wait_for_request(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._requests and not self._done and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, _TICK_S))
        self._raise_abort()
        if self._done:
            # The engine gave up on this event: a loop around this wait must not go on, let alone spin.
            raise self._aborted()
        return "stop" in self._requests

    def _request(self, request: Request, if_waiting: Exception) -> None:
        with self._changed:
            self._requests.add(request)
            waiting = not self._started and not self._done
            self._changed.notify_all()
        if waiting:
            self._end_unstarted(if_waiting)

    def _end_unstarted(self, error: Exception) -> None:
        """End an event that has not begun; one that began meanwhile goes on."""
        with self._changed:
            if self._started or self._done:
                return
            self._exception, self._done = error, True
            self._changed.notify_all()
        self._publish(EventExecuted(self.event, error))

    def _refuse_own_thread(self, what: str) -> None:
        """Raise RuntimeError where the only thread that can go on with the event would wait for it."""
        if not self._done and self._is_own_thread():
            raise RuntimeError(f"{what} while the thread that executes events waits for it")

    def _await_end(self, timeout: float | None) -> None:
        try:
            self.await_execution(timeout)
        except BaseException:
            if not self._done:
                raise

    def _require(self, ability: type[Stoppable | Abortable]) -> None:
        if not isinstance(self.event, ability):
            raise TypeError(f"{self._name} is not {ability.__name__}: let it end")

    def _producer(self) -> DataProducing:
        if not isinstance(self.event, DataProducing):
            raise TypeError(f"{self._name} is not DataProducing: there are no data to wait for")
        return self.event

    def _aborted(self) -> EventAborted:
        return EventAborted(f"{self._name} was aborted")

    @property
    def _name(self) -> str:
        return f"the event {type(self.event).__name__}"


def _deadline(timeout: float | None) -> float:
    return time.monotonic() + timeout if timeout is not None else float("inf")


def _stage(processed: bool, stored: bool) -> Stage:
    return Stage.STORED if stored else Stage.PROCESSED if processed else Stage.ACQUIRED
