"""Numbers as they are typed: nothing is guessed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtWidgets import QApplication

from gui.models.numbers import parsed_number
from gui.widgets.number_field import NumberField
from tests.gui.hands import retype


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("0,125", 0.125),
        ("1.000", 1.0),
        (" −3 ", -3.0),
        ("1e3", 1000.0),
        (",5", 0.5),
    ],
)
def test_a_point_or_a_comma_before_the_decimals(text: str, value: float) -> None:
    assert parsed_number(text) == value


@pytest.mark.parametrize("text", ["1,000", "-12,500", "999,000"])
def test_what_can_be_read_in_two_ways_is_refused(text: str) -> None:
    said = parsed_number(text)
    assert isinstance(said, str)
    assert said.endswith(f"write {text.replace(',', '.')} or {text.replace(',', '')}")


@pytest.mark.parametrize(
    "text", ["1_0", "1,000.5", "1,000,000", "1 000", "1'000", "", "nan", "inf", "0x10", "٣"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    assert "is no number" in str(parsed_number(text))


def test_too_large_is_refused() -> None:
    assert parsed_number("1e999") == "“1e999” is too large"


@given(st.text(max_size=8))
def test_any_text_is_a_finite_number_or_a_sentence(text: str) -> None:
    parsed = parsed_number(text)
    assert parsed if isinstance(parsed, str) else math.isfinite(parsed)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read(value: float) -> None:
    assert parsed_number(repr(value)) == value


def test_a_field_shows_what_it_took(qapp: QApplication) -> None:
    field = NumberField(lambda value: None)
    taken: list[float] = []
    field.committed.connect(taken.append)
    for typed, shown in (("2,50", "2.5"), ("1e3", "1000"), ("+7", "7")):
        retype(field, typed)
        assert field.text() == shown
    retype(field, "1,000")
    assert field.is_refused
    assert taken == [2.5, 1000.0, 7.0]
