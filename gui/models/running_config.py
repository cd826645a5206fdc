"""The running state as a config file: what was set by hand is not lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gui.models.state import State
from magscope_app.config import Config
from magscope_app.messages import StartRecording

_HEAD = "# Written by MagScope App from a running session: its config, and what was set by hand.\n"
#: Settings of the camera that have a key of their own in the config.
_OWN_KEYS = ("fps", "exposure_ms")


def config_text(config: Config, state: State, order: StartRecording) -> str:
    """Return a valid TOML config that starts the microscope as it runs now.

    Motor positions are no part of it.

    Parameters
    ----------
    config : Config
        What the run was started with.
    state : State
        Beads and camera settings as they are now.
    order : StartRecording
        What is recorded when recording starts.
    """
    data = config.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    data.setdefault("beads", {}).pop("file", None)
    data["beads"] |= {
        "find": False,
        "roi_px": state.roi_px,
        "list": [
            {"id": bead.id, "x_px": bead.x_px, "y_px": bead.y_px, "role": bead.role}
            for bead in state.beads.values()
        ],
    }
    _take_camera(data.setdefault("camera", {}), state, config)
    recording = data.setdefault("recording", {})
    if order.folder is not None:
        recording["folder"] = str(order.folder)
    if order.mode is not None:
        recording["mode"] = order.mode
    if order.name:
        data.setdefault("session", {})["name"] = order.name
    Config.model_validate(data)
    return _HEAD + "".join(_table(name, table) for name, table in data.items())


def _take_camera(camera: dict[str, Any], state: State, config: Config) -> None:
    """Put the camera's settings where the config has them: own keys, or the driver's settings."""
    for setting in state.camera_settings:
        if setting.name in _OWN_KEYS and not setting.read_only:
            camera[setting.name] = setting.value
        elif setting.name in config.camera.settings and not setting.read_only:
            camera["settings"][setting.name] = setting.value


def _table(name: str, value: Any) -> str:
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
