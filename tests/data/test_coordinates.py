from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magscope_app.data import DataCoordinates, FrozenDataCoordinates

AXES = st.dictionaries(
    st.text(min_size=1, max_size=8), st.one_of(st.integers(), st.text(max_size=8)), max_size=5
)


def test_document_example(capsys: pytest.CaptureFixture[str]) -> None:
    coords = DataCoordinates(time=3, channel="DAPI", z=5)
    print(coords.time)
    print(coords["channel"])
    coords.position = 2
    coord_dict = dict(coords)
    print(coord_dict)
    assert capsys.readouterr().out == "3\nDAPI\n{'time': 3, 'channel': 'DAPI', 'z': 5, 'position': 2}\n"


@given(AXES)
def test_equal_to_the_same_dict_and_hashed_by_content(axes: dict[str, int | str]) -> None:
    coords = DataCoordinates(axes)
    assert coords == axes
    assert axes == coords
    assert coords.coordinate_dict == axes
    assert hash(coords) == hash(DataCoordinates(dict(reversed(list(axes.items())))))
    assert hash(coords) == hash(coords.frozen())
    assert coords.frozen() == coords


@given(AXES)
def test_survives_copies_and_pickles(axes: dict[str, int | str]) -> None:
    for coords in (DataCoordinates(axes), DataCoordinates(axes).frozen()):
        for again in (copy.copy(coords), copy.deepcopy(coords), pickle.loads(pickle.dumps(coords))):
            assert again == coords
            assert type(again) is type(coords)


@pytest.mark.parametrize("wrong", [[1], 5, "x", [("time", 1)]])
def test_what_is_no_mapping_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="coordinates are a mapping"):
        DataCoordinates(wrong)


def test_in_sentences_coordinates_are_plain() -> None:
    assert f"{DataCoordinates(time=5, channel='DAPI').frozen()}" == "time=5, channel='DAPI'"
    assert f"{DataCoordinates()}" == "no axes"


def test_both_forms_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        DataCoordinates({"time": 1}, z=2)


@pytest.mark.parametrize("value", [1.5, True, np.True_, None, float("nan"), float("inf"), b"x", [1]])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="time"):
        DataCoordinates(time=value)
    coords = DataCoordinates(time=0)
    with pytest.raises(ValidationError):
        coords.time = value
    assert coords == {"time": 0}


@pytest.mark.parametrize("value", [np.int64(4), np.uint8(4), 4.0, np.float32(4)])
def test_whole_numbers_become_int(value: object) -> None:
    coords = DataCoordinates(time=value)
    assert coords.time == 4
    assert type(coords.time) is int


def test_names_that_are_no_strings_are_refused() -> None:
    with pytest.raises(ValidationError):
        DataCoordinates({1: 2})  # type: ignore[dict-item]  # the point of the test


def test_absent_axes_name_the_present_ones() -> None:
    coords = DataCoordinates(time=1, z=2)
    with pytest.raises(AttributeError, match="'time', 'z'"):
        _ = coords.channel
    with pytest.raises(KeyError, match="'time', 'z'"):
        coords["channel"]
    with pytest.raises(KeyError):
        del coords["channel"]
    with pytest.raises(AttributeError):
        del coords.channel
    assert not hasattr(coords, "channel")


@pytest.mark.parametrize("name", ["items", "keys", "get", "frozen", "coordinate_dict", "_hidden"])
def test_axes_named_like_methods_are_items_only(name: str) -> None:
    coords = DataCoordinates({name: 7})
    assert coords[name] == 7
    assert getattr(coords, name, None) != 7
    with pytest.raises(AttributeError, match="as an item"):
        setattr(coords, name, 8)
    coords[name] = 8
    assert dict(coords) == {name: 8}


def test_axes_can_be_removed() -> None:
    coords = DataCoordinates(time=1, z=2, channel="a")
    del coords.time
    del coords["z"]
    assert coords == {"channel": "a"}
    assert "time" not in coords


def test_frozen_coordinates_do_not_change() -> None:
    coords = DataCoordinates(time=1)
    key = coords.frozen()
    coords.time = 9
    assert key == {"time": 1}
    assert isinstance(key, FrozenDataCoordinates)
    assert key.frozen() is key
    for change in (
        lambda: key.update(time=2),
        key.clear,
        lambda: setattr(key, "time", 2),
        lambda: key.pop("time"),
    ):
        with pytest.raises(TypeError, match="frozen"):
            change()
    assert key == {"time": 1}
