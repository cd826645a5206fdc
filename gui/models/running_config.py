"""The running state as a config file: what was set by hand is not lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gui.models.camera_keys import put_settings
from gui.models.state import State
from magscope_app.config import Config
from magscope_app.config.wording import said
from magscope_app.errors import MagscopeError
from magscope_app.messages import StartRecording

_HEAD = "# Written by MagScope App from a running session: its config, and what was set by hand.\n"


@dataclass(frozen=True, slots=True)
class RunningConfig:
    """The running state as the text of a config file, and the camera's settings that none can hold."""

    text: str
    left_out: tuple[str, ...]


def running_config(config: Config, state: State, order: StartRecording, zlut: Path | None) -> RunningConfig:
    """Return a valid TOML config that starts the microscope as it runs now.

    Motor positions are no part of it.

    Parameters
    ----------
    config : Config
        What the run was started with.
    state : State
        Beads, locks and camera settings as they are now.
    order : StartRecording
        What is recorded when recording starts.
    zlut : Path or None
        The Z-LUTs that beads are tracked with.

    Raises
    ------
    MagscopeError
        No config can say what was set by hand.
    """
    data = config.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    _take_beads(data.setdefault("beads", {}), state)
    left_out = put_settings(data, config, state)
    _take_locks(data, config, state)
    tracking = data.setdefault("tracking", {})
    tracking.pop("zlut", None)
    if zlut is not None:
        tracking["zlut"] = str(zlut)
    recording = data.setdefault("recording", {})
    if order.folder is not None:
        recording["folder"] = str(order.folder)
    if order.mode is not None:
        recording["mode"] = order.mode
    if order.name:
        data.setdefault("session", {})["name"] = order.name
    try:
        Config.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"no config can hold what is set now: {where}: {said(first)}; change it, then save again"
        raise MagscopeError(text) from error
    return RunningConfig(_HEAD + "".join(_table(name, table) for name, table in data.items()), left_out)


def _take_beads(beads: dict[str, Any], state: State) -> None:
    beads.pop("file", None)
    beads |= {
        "find": False,
        "roi_px": state.roi_px,
        "list": [
            {"id": bead.id, "x_px": bead.x_px, "y_px": bead.y_px, "role": bead.role}
            for bead in state.beads.values()
        ],
    }


def _take_locks(data: dict[str, Any], config: Config, state: State) -> None:
    """Say which locks are on, and of which beads."""
    references = {bead.id for bead in state.beads.values() if bead.role == "reference"}
    for name, lock in state.locks.items():
        section, on = data.setdefault(name, {}), lock.stage != "off"
        if on != getattr(config, name).on:
            section["on"] = on
        if on and name == "xy_lock":
            section["exclude"] = list(lock.bead_ids)
        elif on and lock.asked and set(lock.asked) != references:
            section["beads"] = list(lock.asked)


def _table(name: str, value: Any) -> str:
    if not value:
        return ""
    if isinstance(value, list):
        return "".join(f"\n[[{name}]]\n{_keys(entry, name)}" for entry in value)
    return f"\n[{name}]\n{_keys(value, name)}"


def _keys(table: Mapping[str, Any], name: str) -> str:
    lines, below = [], []
    for key, value in table.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            below += [f"\n[[{name}.{_name(key)}]]\n{_keys(entry, name)}" for entry in value]
        else:
            lines.append(f"{_name(key)} = {_value(value)}\n")
    return "".join([*lines, *below])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(entry) for entry in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_name(key)} = {_value(entry)}" for key, entry in value.items()) + " }"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")


def _name(key: str) -> str:
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isascii() and plain.isalnum() else json.dumps(key, ensure_ascii=False)
