"""What an engine executes, and what an event may be able to do beside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from magscope_app.data import DataCoordinatesIterator, DataHandler
from magscope_app.data.iterator import CoordinatesSource
from magscope_app.data.storage import Pixels

if TYPE_CHECKING:
    from magscope_app.engine.future import ExecutionFuture


class _Submitted:
    """What events and mix-ins share: the future of the present submission."""

    _future: ExecutionFuture | None = None

    def _execution(self) -> ExecutionFuture:
        if self._future is None:
            raise RuntimeError(f"{type(self).__name__} was not submitted to an engine: submit it first")
        return self._future


class ExecutorEvent(_Submitted, ABC):
    """One thing to do; subclasses say what in `execute`.

    Mix-ins add abilities: ``class Capture(ExecutorEvent, DataProducing, Stoppable)``. An event may be
    submitted again when it has ended.
    """

    @abstractmethod
    def execute(self) -> Any:
        """Do it; runs on a thread of the engine. What it returns or raises is found in the future."""

    def wait(self, seconds: float) -> bool:
        """Wait inside of `execute`, as long as nobody wants the event to end.

        Parameters
        ----------
        seconds : float
            At most so long.

        Returns
        -------
        bool
            True if the event was asked to stop.

        Raises
        ------
        EventAborted
            If the event was aborted.
        """
        return self._execution()._wait_for_request(seconds)


class Stoppable(_Submitted):
    """Mix-in for events that can end in order before they are through.

    ``future.stop()`` makes a request; `execute` asks `is_stop_requested` between its steps, or waits with
    `ExecutorEvent.wait`, completes what it has begun and returns what it has.
    """

    def is_stop_requested(self) -> bool:
        """Return whether the event is to end in order."""
        return self._execution()._is_requested("stop")


class Abortable(_Submitted):
    """Mix-in for events that can be broken off.

    After ``future.abort()`` the next call of `check_abort`, `ExecutorEvent.wait` or `DataProducing.put_data`
    raises `EventAborted`, a running `wait` at once and a `put_data` that waits for room within half a second;
    whatever `execute` returns, the future raises it, too.
    """

    def is_abort_requested(self) -> bool:
        """Return whether the event is to break off."""
        return self._execution()._is_requested("abort")

    def check_abort(self) -> None:
        """Raise `EventAborted` if the event is to break off."""
        self._execution()._raise_abort()


class DataProducing(_Submitted):
    """Mix-in for events that produce data.

    Parameters
    ----------
    data_handler : DataHandler
        Gets the data.
    coordinates : DataCoordinatesIterator, or what `DataCoordinatesIterator.create` takes
        The data to be expected; a generator if that is not known beforehand.
    """

    def __init__(
        self, data_handler: DataHandler, coordinates: DataCoordinatesIterator | CoordinatesSource
    ) -> None:
        super().__init__()
        self.data_handler = data_handler
        self.coordinates = (
            coordinates
            if isinstance(coordinates, DataCoordinatesIterator)
            else DataCoordinatesIterator.create(coordinates)
        )

    def put_data(
        self, coordinates: Mapping[str, Any], data: Pixels, metadata: Mapping[str, Any] | None = None
    ) -> bool:
        """Hand over one piece of data from inside of `execute`; the future is told what becomes of it.

        Returns
        -------
        bool
            As `DataHandler.put`.

        Raises
        ------
        EventAborted
            If the event was aborted, also while this waits for room; nothing is handed over.
        ValueError
            If the event's coordinates do not hold these.
        Exception
            What `DataHandler.put` raises.
        """
        future = self._execution()
        future._raise_abort()
        if self.coordinates.might_produce_coordinates(coordinates) is False:
            raise ValueError(f"{type(self).__name__} has not announced data at {dict(coordinates)}")
        return self.data_handler.put(coordinates, data, metadata, future, check=future._raise_abort)
