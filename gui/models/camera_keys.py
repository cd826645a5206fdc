"""Where a config holds what was set by hand at the camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gui.models.state import State
from magscope_app.config import Config
from magscope_app.devices.setting import Setting

Key = tuple[str | int, ...]
#: Settings of every camera that have a key of their own.
_OWN_KEYS = ("fps", "exposure_ms")


def put_settings(data: dict[str, Any], config: Config, state: State) -> tuple[str, ...]:
    """Put what was set by hand where a config has it.

    Parameters
    ----------
    data : dict
        The tables of a config file; changed in place.
    config : Config
        What the run was started with.
    state : State
        The camera's settings when it was opened, and now.

    Returns
    -------
    tuple of str
        Names of the settings for which a config has no key.
    """
    homeless = []
    for setting in _set_by_hand(state):
        key = _key(setting, config)
        if key:
            value = setting.value if setting.config_value is None else setting.config_value
            _put(data, key, value)
        else:
            homeless.append(setting.name)
    _slow_down(data["camera"], config)
    return tuple(homeless)


def _set_by_hand(state: State) -> list[Setting]:
    opened = {setting.name: (setting.value, setting.config_value) for setting in state.camera_opened}
    return [
        setting
        for setting in state.camera_settings
        if not setting.read_only and opened.get(setting.name) != (setting.value, setting.config_value)
    ]


def _key(setting: Setting, config: Config) -> Key:
    if setting.name in _OWN_KEYS:
        return "camera", setting.name
    if not setting.config_key and setting.name in config.camera.settings:
        return "camera", "settings", setting.name
    return setting.config_key


def _put(data: Any, key: Sequence[str | int], value: Any) -> None:
    for part in key[:-1]:
        # The entries of a list are there already.
        data = data[part] if isinstance(part, int) else data.setdefault(part, {})
    data[key[-1]] = value


def _slow_down(camera: dict[str, Any], config: Config) -> None:
    """Give the rate that a camera has which becomes slower with its exposure; a config takes no other."""
    exposure_ms = camera.get("exposure_ms", 0.0)
    if exposure_ms > 1000.0 / camera.get("fps", config.camera.fps):
        fps = 1000.0 / exposure_ms
        camera["fps"] = fps if exposure_ms <= 1000.0 / fps else math.nextafter(fps, 0.0)
