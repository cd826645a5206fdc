"""Whether a message holds what its fields say: Python itself does not ask."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Hashable
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, cast, get_args, get_origin

from magscope_app.messages import Message


def why_malformed(message: Message) -> str | None:
    """Say in one sentence which field of a message is of the wrong type, or return None.

    What is nested is looked into: the entries of a tuple, and the fields of a dataclass.
    """
    wrong = _wrong_field(message)
    return None if wrong is None else f"{type(message).__name__} has a wrong {wrong}; it was ignored"


def _wrong_field(value: Any) -> str | None:
    kind = cast("Hashable", type(value))
    for name, hint in _hints(kind).items():
        content = getattr(value, name)
        if not _fits(content, hint):
            return f"{name} ({content!r:.60})"
    return None


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _fits(content: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing.Union or origin is UnionType:
        return any(_fits(content, one) for one in inner)
    if origin is Literal:
        return isinstance(content, str) and content in inner
    if origin is tuple:
        return isinstance(content, tuple) and _entries_fit(content, inner)
    kind = NoneType if hint is None else origin or hint
    return _is_a(content, kind)


def _entries_fit(content: tuple[Any, ...], inner: tuple[Any, ...]) -> bool:
    if len(inner) == 2 and inner[1] is Ellipsis:
        return all(_fits(entry, inner[0]) for entry in content)
    return len(content) == len(inner) and all(
        _fits(entry, one) for entry, one in zip(content, inner, strict=True)
    )


def _is_a(content: Any, kind: Any) -> bool:
    if kind in (int, float):
        # True is no number, and a whole number is a fine float.
        numbers = (int, float) if kind is float else (int,)
        return isinstance(content, numbers) and not isinstance(content, bool)
    if not isinstance(content, kind):
        return False
    return not dataclasses.is_dataclass(content) or _wrong_field(content) is None
