"""What a value should be, in the words of the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "bool_parsing": "give true or false",
    "bool_type": "give true or false",
    "dict_type": "give a table",
    "float_parsing": "give a number",
    "float_type": "give a number",
    "finite_number": "give a finite number",
    "int_from_float": "give a whole number",
    "int_parsing": "give a whole number",
    "int_type": "give a whole number",
    "list_type": "give a list",
    "model_type": "give a table",
    "model_attributes_type": "give a table",
    "path_type": "give a path as text",
    "string_type": "give text in quotes",
    "tuple_type": "give a list",
}


def said(entry: Mapping[str, Any]) -> str:
    """Return what would be right, for one error of pydantic.

    Parameters
    ----------
    entry : mapping
        One of ``ValidationError.errors()``.
    """
    kind = entry["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "string_pattern_mismatch":
        names = {"driver": '"package.module:Class"', "name": "a letter, then up to 15 letters, digits or _"}
        return "write it as " + names.get(str(entry["loc"][-1]), '"module:function"')
    message = str(entry["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
