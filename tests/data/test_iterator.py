from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from magscope_app.data import DataCoordinates, DataCoordinatesIterator


def infinite_coords() -> Iterator[dict[str, int]]:
    for i in itertools.count():
        yield {"time": i}


def test_document_examples() -> None:
    finite_iter = DataCoordinatesIterator.create(
        [{"time": 0, "channel": "DAPI"}, {"time": 1, "channel": "DAPI"}, {"time": 2, "channel": "DAPI"}]
    )
    infinite_iter = DataCoordinatesIterator.create(infinite_coords())
    assert [coords.time for coords in finite_iter] == [0, 1, 2]
    assert [next(infinite_iter).time for _ in range(4)] == [0, 1, 2, 3]
    assert finite_iter.is_finite()
    assert not infinite_iter.is_finite()


def test_is_made_by_create_only() -> None:
    with pytest.raises(TypeError, match="create"):
        DataCoordinatesIterator([{"time": 0}])


def test_lists_start_again_and_nothing_reaches_them() -> None:
    given = [{"time": 0}, {"time": 1}]
    coords = DataCoordinatesIterator.create(given)
    given.clear()
    for element in coords:
        element.time = 99
    assert list(coords) == [{"time": 0}, {"time": 1}]
    assert [(a.time, b.time) for a in coords for b in coords] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [next(coords), next(coords)] == [{"time": 0}, {"time": 1}]
    with pytest.raises(StopIteration):
        next(coords)


def test_generators_go_on_where_they_stopped() -> None:
    coords = DataCoordinatesIterator.create({"time": i} for i in range(3))
    assert next(coords) == {"time": 0}
    assert list(coords) == [{"time": 1}, {"time": 2}]
    assert list(coords) == []


@pytest.mark.parametrize("one", [{"time": 5}, DataCoordinates(time=5)])
def test_one_becomes_a_sequence_of_one(one: dict[str, int] | DataCoordinates) -> None:
    coords = DataCoordinatesIterator.create(one)
    assert list(coords) == [{"time": 5}]
    assert coords.is_finite()


def test_might_produce() -> None:
    finite = DataCoordinatesIterator.create([{"time": 0, "z": 1}])
    assert finite.might_produce_coordinates({"z": 1, "time": 0}) is True
    assert finite.might_produce_coordinates(DataCoordinates(time=0)) is False
    assert DataCoordinatesIterator.create([]).might_produce_coordinates({"time": 0}) is False
    unknown = DataCoordinatesIterator.create(infinite_coords())
    assert unknown.might_produce_coordinates({"time": 0}) is None


class Even:
    """Endless, and knows what it produces."""

    def __iter__(self) -> Iterator[dict[str, int]]:
        return ({"time": i} for i in itertools.count(0, 2))

    def is_finite(self) -> bool:
        return False

    def might_produce_coordinates(self, coordinates: DataCoordinates) -> bool:
        return int(coordinates.time) % 2 == 0


def test_an_iterable_that_knows_is_asked() -> None:
    coords = DataCoordinatesIterator.create(Even())
    assert coords.might_produce_coordinates({"time": 4}) is True
    assert coords.might_produce_coordinates({"time": 5}) is False
    assert not coords.is_finite()
    assert [element.time for element in itertools.islice(coords, 2)] == [0, 2]
    assert DataCoordinatesIterator.create(coords) is coords


def test_wrong_elements_are_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        DataCoordinatesIterator.create([{"time": 0}, 3])  # type: ignore[list-item]  # the point of the test
    with pytest.raises(TypeError, match="not int"):
        DataCoordinatesIterator.create(3)  # type: ignore[arg-type]  # the point of the test
    lazy = DataCoordinatesIterator.create(x for x in ("a",))  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError, match="not str"):
        next(lazy)


def test_a_million_coordinates() -> None:
    coords = DataCoordinatesIterator.create({"time": i} for i in range(1_000_000))
    assert sum(1 for _ in itertools.islice(coords, 1000)) == 1000
