"""Values from the command line: ``--set section.key=value``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, MutableMapping
from typing import Any

from magscope_app.errors import Problem


def apply_overrides(
    data: MutableMapping[str, Any], overrides: Iterable[str]
) -> tuple[list[tuple[str, ...]], list[Problem]]:
    """Put every ``section.key=value`` into `data`.

    A value is read as TOML where it is some, else as text; nothing at all is None, which takes the key out.
    Axes are named: ``motors.focus.speed=100``.

    Parameters
    ----------
    data : mapping
        The tables of a config file; changed in place.
    overrides : iterable of str
        As given on the command line.

    Returns
    -------
    keys : list of tuple of str
        The keys that were set.
    problems : list of Problem
        What could not be understood.
    """
    keys: list[tuple[str, ...]] = []
    problems: list[Problem] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        parts = tuple(part.strip() for part in key.split("."))
        if not equals or len(parts) < 2 or not all(parts):
            problems.append(Problem("--set", f"cannot read {text!r}", "write it as section.key=value"))
            continue
        problem = _put(data, parts, _value(value.strip()))
        if problem:
            problems.append(Problem(f"--set {key.strip()}", problem))
        else:
            keys.append(parts)
    return keys, problems


def _value(text: str) -> Any:
    if not text:
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(data: MutableMapping[str, Any], parts: tuple[str, ...], value: Any) -> str | None:
    table: Any = data
    for depth, part in enumerate(parts[:-1]):
        if isinstance(table, list):
            names = [str(entry.get("name")) for entry in table if isinstance(entry, dict)]
            if part not in names:
                known = ", ".join(names) or "none"
                return f"there is no {'.'.join(parts[:depth])} named {part!r} (there is: {known})"
            table = table[names.index(part)]
        elif isinstance(table, dict):
            table = table.setdefault(part, {})
        else:
            return f"{'.'.join(parts[:depth])} is a value, not a section"
    if not isinstance(table, dict):
        return f"{'.'.join(parts[:-1])} is a value, not a section"
    table[parts[-1]] = value
    return None
