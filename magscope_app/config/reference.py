"""Make the config reference and its schema: ``python -m magscope_app.config.reference docs``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from magscope_app.config.model import Config

_HEAD = """\
# What a config file may say

<!-- made by python -m magscope_app.config.reference docs; do not edit -->

TOML. Every key can also be given on the command line as `--set section.key=value`; axes are named there by
their name, as in `--set motors.focus.speed=100`. Without a value, `--set section.key=`, the key counts
as if the file did not have it. Relative paths in a file are relative to the file, those on
the command line to the current folder. An unknown key, a wrong type or a value out of its limits is refused,
all problems at once; `magscope-app check FILE` says what they are without opening a device.
"""


def markdown() -> str:
    """Return the reference of all keys."""
    schema = Config.model_json_schema()
    return _HEAD + "".join(_tables(schema, schema, ""))


def _tables(schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    sections: list[tuple[str, str, dict[str, Any], bool]] = []
    rows: list[str] = []
    for name, entry in schema.get("properties", {}).items():
        inner, is_list = _section(entry, root)
        description = entry.get("description", "")
        if inner is None:
            needed = "**needed**" if name in schema.get("required", ()) else _default(entry)
            rows.append(f"| `{name}` | {_type(entry, root)} | {needed} | {description} |\n")
        else:
            # A description that the model itself has, too, stands only there.
            description = description or inner.get("description", "").partition("\n")[0]
            sections.append((f"{path}{name}", description, inner, is_list))
    if rows:
        yield "\n| key | value | default | what it is |\n|---|---|---|---|\n" + "".join(rows)
    for name, description, inner, is_list in sections:
        yield f"\n## `{'[[' if is_list else '['}{name}{']]' if is_list else ']'}`\n\n{description}\n"
        yield from _tables(inner, root, f"{name}.")


def _section(entry: dict[str, Any], root: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """Return the table that an entry is, if any, and whether there may be several."""
    if entry.get("type") == "array":
        inner, _ = _section(entry.get("items", {}), root)
        return inner, True
    for option in (entry, *entry.get("anyOf", ()), *entry.get("allOf", ())):
        reference = option.get("$ref")
        if reference is not None:
            found: dict[str, Any] = root["$defs"][reference.rpartition("/")[2]]
            return (found, False) if found.get("type") == "object" else (None, False)
    return None, False


def _type(entry: dict[str, Any], root: dict[str, Any]) -> str:
    if "enum" in entry:
        return ", ".join(f"`{json.dumps(value)}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{json.dumps(entry['const'])}`"
    options = [option for option in entry.get("anyOf", ()) if option.get("type") != "null"]
    if options:
        return " or ".join(_type(option, root) for option in options)
    if entry.get("format") == "path":
        return "path"
    if entry.get("type") == "array":
        inner = entry.get("prefixItems") or [entry.get("items", {})]
        return f"[{', '.join(_type(part, root) for part in inner)}{'' if 'prefixItems' in entry else ', …'}]"
    return f"{_TYPES.get(entry.get('type', ''), 'value')}{_limits(entry)}"


_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "table",
}


def _limits(entry: dict[str, Any]) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    return "".join(f" {sign} {entry[key]:g}" for key, sign in signs.items() if key in entry)


def _default(entry: dict[str, Any]) -> str:
    default = entry.get("default")
    if default is None or default == "":
        return ""
    return f"`{json.dumps(default)}`"


def main(arguments: list[str]) -> None:
    """Write both files into the folder given."""
    folder = Path(arguments[0])
    (folder / "config.md").write_text(markdown(), encoding="utf-8")
    schema = json.dumps(Config.model_json_schema(), indent=2) + "\n"
    (folder / "config.schema.json").write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
