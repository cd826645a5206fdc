"""Write a config as TOML."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def toml_text(data: Mapping[str, Any]) -> str:
    """Return nested values as TOML; what is None is left out.

    Parameters
    ----------
    data : mapping
        Text, numbers, booleans, lists and mappings, by name.
    """
    lines: list[str] = []
    for name, section in data.items():
        lines.append(f"{_key(name)} = {_value(section)}" if not isinstance(section, Mapping) else "")
        if isinstance(section, Mapping):
            lines.append(f"[{_key(name)}]")
            lines += [f"{_key(key)} = {_value(value)}" for key, value in section.items() if value is not None]
    return "\n".join([*lines, ""])


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _text(name)


def _text(text: str) -> str:
    # JSON escapes what TOML escapes, but leaves DEL, and writes what is beyond 16 bit in two.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else f"{'-' if value < 0 else ''}inf"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        entries = (f"{_key(key)} = {_value(entry)}" for key, entry in value.items() if entry is not None)
        return f"{{ {', '.join(entries)} }}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(_value(entry) for entry in value)}]"
    return _text(str(value))
