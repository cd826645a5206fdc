"""Sequences of coordinates, known in full or produced one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from magscope_app.data.coordinates import DataCoordinates, FrozenDataCoordinates, as_frozen


@runtime_checkable
class KnowsItsCoordinates(Protocol):
    """An iterable that can say what it will produce, so that nobody needs to guess."""

    def is_finite(self) -> bool:
        """Return whether the sequence ends."""
        ...

    def might_produce_coordinates(self, coordinates: DataCoordinates) -> bool | None:
        """Return whether `coordinates` can occur; None if that is unknown."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


CoordinatesSource: TypeAlias = Iterable[Mapping[str, Any]] | Mapping[str, Any]
_KEY = object()


def _checked(element: object) -> DataCoordinates:
    if isinstance(element, Mapping):
        return DataCoordinates(element)
    raise TypeError(f"a sequence of coordinates holds DataCoordinates or dicts, not {type(element).__name__}")


class DataCoordinatesIterator:
    """A finite or endless sequence of coordinates; make one with `create`.

    One that was made from a list starts again with every ``iter()``; one made from a generator goes on where
    it stopped.
    """

    def __init__(self, source: object = None, *, _key: object = None) -> None:
        if _key is not _KEY:
            raise TypeError(
                "use DataCoordinatesIterator.create(…) with a list, a generator or one set of coordinates"
            )
        self._list: tuple[FrozenDataCoordinates, ...] | None = None
        self._known: KnowsItsCoordinates | None = None
        self._members: frozenset[FrozenDataCoordinates] | None = None
        if isinstance(source, KnowsItsCoordinates):
            self._known = source
            self._running: Iterator[Any] = iter(source)
        elif isinstance(source, Collection):
            self._list = tuple(_checked(element).frozen() for element in source)
            self._running = iter(self._list)
        elif isinstance(source, Iterable):
            self._running = iter(source)

    @classmethod
    def create(cls, coordinates: CoordinatesSource) -> DataCoordinatesIterator:
        """Make a sequence.

        Parameters
        ----------
        coordinates : list or other collection, generator or other iterable, DataCoordinates or dict
            A collection is checked whole at once; a generator element by element as it is used. An iterable
            that has ``is_finite()`` and ``might_produce_coordinates(coords)`` is asked these questions
            itself.

        Returns
        -------
        DataCoordinatesIterator
            The sequence; a single set of coordinates becomes a sequence of one.

        Raises
        ------
        TypeError
            If `coordinates` or an element of the collection is neither coordinates nor a dict.
        """
        if isinstance(coordinates, DataCoordinatesIterator):
            return coordinates
        if isinstance(coordinates, Mapping):
            return cls([coordinates], _key=_KEY)
        if not isinstance(coordinates, Iterable):
            raise TypeError(
                f"expected coordinates, a list or a generator of them, not {type(coordinates).__name__}"
            )
        return cls(coordinates, _key=_KEY)

    def is_finite(self) -> bool:
        """Return True if the sequence is known to end; False for an endless one and for a generator."""
        return self._known.is_finite() if self._known is not None else self._list is not None

    def might_produce_coordinates(self, coordinates: Mapping[str, Any]) -> bool | None:
        """Return whether the whole sequence contains `coordinates`; None if only a generator knows."""
        if self._known is not None:
            return self._known.might_produce_coordinates(DataCoordinates(coordinates))
        if self._list is None:
            return None
        if self._members is None:
            self._members = frozenset(self._list)
        return as_frozen(coordinates) in self._members

    def __iter__(self) -> Iterator[DataCoordinates]:
        if self._list is not None:
            return map(DataCoordinates, self._list)
        return map(_checked, self._known) if self._known is not None else self

    def __next__(self) -> DataCoordinates:
        return _checked(next(self._running))
