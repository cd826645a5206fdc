"""How far the data of one event have come."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from magscope_app.data import FrozenDataCoordinates
from magscope_app.data.item import Failure


class Stage(IntEnum):
    """Where data are on their way."""

    NOWHERE = 0
    ACQUIRED = 1
    PROCESSED = 2
    STORED = 3


class Arrivals:
    """The stage that each piece of data has reached; the caller locks."""

    def __init__(self) -> None:
        self._stages: dict[FrozenDataCoordinates, Stage] = {}

    def note(self, coordinates: FrozenDataCoordinates, *, processed: bool, stored: bool) -> Stage:
        """Keep how far data have come and return it."""
        stage = Stage.STORED if stored else Stage.PROCESSED if processed else Stage.ACQUIRED
        self._stages[coordinates] = max(stage, self.stage(coordinates))
        return stage

    def stage(self, coordinates: FrozenDataCoordinates) -> Stage:
        """Return how far data have come."""
        return self._stages.get(coordinates, Stage.NOWHERE)

    def raise_if_hopeless(
        self,
        coordinates: FrozenDataCoordinates,
        is_open: bool,
        failures: Iterable[Failure],
        *,
        ended: bool,
        error: BaseException | None,
    ) -> None:
        """Raise if data will never come further.

        Parameters
        ----------
        coordinates : FrozenDataCoordinates
            Of the data.
        is_open : bool
            Whether anything that the event put is still on its way; asked before the stages are.
        failures : iterable of Failure
            What went wrong in the data handler.
        ended : bool
            Whether the event has ended.
        error : BaseException or None
            What the event raised.

        Raises
        ------
        LookupError
            If the event has ended without them, or without a processor that gave them on.
        Exception
            What the processor, the storage or the event raised.
        """
        for failure in failures:
            if failure.coordinates == coordinates:
                raise failure.error
        if not ended:
            return
        if self.stage(coordinates) is Stage.NOWHERE:
            if error is not None:
                raise error
            raise LookupError(f"the event ended without data at {coordinates}")
        # A handler that has nothing of the event on its way any more has told everything before.
        if not is_open:
            raise LookupError(f"the processor gave nothing on at {coordinates}")
