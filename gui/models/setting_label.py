"""How a setting is called on its control."""

from __future__ import annotations

from magscope_app.devices.setting import Setting


def setting_label(setting: Setting) -> str:
    """Return the name in words with its unit in brackets: ``exposure_ms`` in ms becomes "exposure (ms)"."""
    suffix = "_" + setting.unit.lower().replace("/", "_per_")
    name = setting.name
    if setting.unit and name.lower().endswith(suffix):
        name = name[: -len(suffix)]
    words = name.replace("_", " ")
    return f"{words} ({setting.unit})" if setting.unit else words
