"""The text files of a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from magscope_app.errors import MagscopeError
from magscope_app.storage.description import SCHEMA_VERSION


def read_description(folder: Path) -> dict[str, Any]:
    """Read dataset.json.

    Raises
    ------
    MagscopeError
        If `folder` is no dataset, or one of a later version of this program.
    """
    path = folder / "dataset.json"
    if not folder.is_dir():
        raise MagscopeError(f"{folder} is no folder: give the folder of a dataset")
    if not path.is_file():
        raise MagscopeError(f"{folder} is no dataset: there is no dataset.json in it; give another folder")
    try:
        description = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MagscopeError(
            f"{path} cannot be read ({error}); `magscope-app repair` writes another"
        ) from error
    if (problem := _what_is_wrong(description)) is not None:
        raise MagscopeError(f"{path} is damaged: {problem}; `magscope-app repair` writes another")
    if description["schema_version"] > SCHEMA_VERSION:
        raise MagscopeError(f"{folder} was written by a later version of this program; install that one")
    return dict(description)


def listed(folder: Path) -> list[Path]:
    """Return what is in the folder of a dataset; MagscopeError if it cannot be read."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        raise _gone(folder) from None
    except OSError as error:
        raise MagscopeError(f"{folder} cannot be read ({error}); check the disk") from error


def _gone(folder: Path) -> MagscopeError:
    return MagscopeError(
        f"{folder} is not there any more: a dataset that was renamed while it was recorded has its new name "
        "from the end of the recording on; open that"
    )


def _what_is_wrong(description: object) -> str | None:
    if not isinstance(description, dict):
        return "it holds no entries"
    kinds = {"schema_version": int, "exit_status": str, "counters": dict, "ledger": list, "clock": dict}
    for name, kind in kinds.items():
        if not isinstance(description.get(name), kind):
            return f"the entry {name!r} is missing or no {kind.__name__}"
    if not all(type(count) is int for count in description["counters"].values()):
        return "a counter is no whole number"
    if not all(isinstance(entry, dict) for entry in description["ledger"]):
        return "the ledger holds something else than losses"
    if type(description["clock"].get("unix_start_ns")) is not int:
        return "the clock has no start"
    return None


def is_loss(entry: dict[str, Any]) -> bool:
    """Return whether an entry of the ledger says where a loss begins and how long it is, in sane numbers."""
    first, count = entry.get("first_id"), entry.get("count")
    return type(first) is int and type(count) is int and abs(first) < 2**62 and 0 <= count < 2**62


def read_events(folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Read events.jsonl.

    Returns
    -------
    list of dict
        The events, in their order.
    int
        Lines that are damaged or cut off.

    Raises
    ------
    MagscopeError
        If the file cannot be read.
    """
    path = folder / "events.jsonl"
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        if not folder.is_dir():
            raise _gone(folder) from None
        return [], 0
    except OSError as error:
        raise MagscopeError(f"{path} cannot be read ({error}); check the disk") from error
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            events.append(event)
    return events, len(lines) - len(events)
