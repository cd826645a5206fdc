"""What is written as TOML is read as it was."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from magscope_app.config import Config
from magscope_app.config.toml_text import toml_text

_text = st.text(st.characters(codec="utf-8"), max_size=8)
_plain = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    _text,
)
_values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(_text, st.dictionaries(_text, _values, max_size=3), max_size=3))
def test_sections_come_back(sections: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(sections)) == sections


def test_a_whole_config_comes_back_without_what_is_none() -> None:
    given = Config.model_validate(
        {"camera": {"driver": "a:B"}, "optics": {"pixel_pitch_um": 5, "magnification": 50}}
    )
    data = given.model_dump(mode="json", exclude={"motors", "force"})
    assert Config.model_validate(tomllib.loads(toml_text(data))) == given
