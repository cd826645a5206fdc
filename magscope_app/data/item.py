"""What the data handler keeps of a piece of data between `put` and the storage."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from magscope_app.data.coordinates import DataCoordinates, FrozenDataCoordinates
from magscope_app.data.storage import Metadata, Pixels

#: Called once per accepted piece of data, when the handler needs its array no longer: (coordinates, stored).
OnDone: TypeAlias = Callable[[DataCoordinates, bool], None]

_SCALARS = (str, int, float, bool, type(None), np.generic)


class DataFuture(Protocol):
    """What `DataHandler.put` tells about the data on their way."""

    def _notify_data(
        self, coordinates: DataCoordinates, data: Pixels, metadata: Metadata, *, processed: bool, stored: bool
    ) -> None: ...


@dataclass(slots=True, eq=False)
class Ticket:
    """One accepted call of `put`, until all that came of it is dealt with.

    Attributes
    ----------
    coordinates : FrozenDataCoordinates
        As put.
    future : DataFuture or None
        Told about every stage.
    on_done : callable or None
        Told once, at the end.
    remaining : int
        Images that came of it and are not dealt with yet.
    stored : int
        Images that came of it and are in the storage.
    failed : bool
        Whether any of them could not be processed or stored.
    """

    coordinates: FrozenDataCoordinates
    future: DataFuture | None
    on_done: OnDone | None
    remaining: int = 1
    stored: int = 0
    failed: bool = False


@dataclass(slots=True, eq=False)
class Item:
    """One image on its way; `in_work` while a processor holds its array."""

    coordinates: FrozenDataCoordinates
    data: Pixels
    metadata: Metadata
    ticket: Ticket
    processed: bool = False
    in_work: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one piece of data.

    Attributes
    ----------
    coordinates : FrozenDataCoordinates or None
        Which data; None if the storage could not be finished.
    stage : str
        ``"processing"``, ``"storing"``, ``"notifying"`` or ``"finishing"``.
    error : BaseException
        What was raised.
    """

    coordinates: FrozenDataCoordinates | None
    stage: str
    error: BaseException


def own_metadata(metadata: Mapping[str, Any] | None) -> Metadata:
    """Return a copy of `metadata` that later changes by the caller do not reach."""
    if metadata is None:
        return {}
    if all(isinstance(value, _SCALARS) for value in metadata.values()):
        return dict(metadata)
    return copy.deepcopy(dict(metadata))


def attempt(action: Callable[..., object], *arguments: object) -> BaseException | None:
    """Run somebody else's code on a worker thread and return what it raised, for the caller to record."""
    try:
        action(*arguments)
    except BaseException as error:  # noqa: BLE001 - a thread that dies unseen is what this prevents
        return error
    return None
