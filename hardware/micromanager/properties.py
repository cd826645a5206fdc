"""Properties of a Micro-Manager device as described settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magscope_app.devices import Setting, SettingKind, SettingValue

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

# PropertyType of MMDevice.
_FLOAT, _INTEGER = 2, 3
#: Names that Micro-Manager gives to what changes size or depth of the frames of any camera.
_FORMAT = ("Binning", "PixelType")


def device_settings(core: CMMCorePlus, label: str) -> tuple[Setting, ...]:
    """Return every property of a device as a setting."""
    return tuple(property_setting(core, label, name) for name in core.getDevicePropertyNames(label))


def property_setting(core: CMMCorePlus, label: str, name: str) -> Setting:
    """Describe one property: an on/off integer is BOOL, one with allowed values CHOICE."""
    text = core.getProperty(label, name)
    choices = tuple(core.getAllowedPropertyValues(label, name))
    kind = _kind(int(core.getPropertyType(label, name)), choices)
    value = _value(kind, text)
    if value is None:
        kind, value = SettingKind.TEXT, text
    limits = None
    if kind in (SettingKind.INT, SettingKind.FLOAT) and core.hasPropertyLimits(label, name):
        limits = (core.getPropertyLowerLimit(label, name), core.getPropertyUpperLimit(label, name))
    fixed = core.isPropertyPreInit(label, name)
    return Setting(
        name=name,
        kind=kind,
        value=value,
        limits=limits,
        choices=_ordered(choices, text) if kind is SettingKind.CHOICE else (),
        read_only=fixed or core.isPropertyReadOnly(label, name),
        help="fixed when the device starts: give it in the config" if fixed else f"property of {label}",
        begins_anew=name in _FORMAT,
    )


def _kind(property_type: int, choices: tuple[str, ...]) -> SettingKind:
    if property_type == _INTEGER and set(choices) == {"0", "1"}:
        return SettingKind.BOOL
    if choices:
        return SettingKind.CHOICE
    return {_FLOAT: SettingKind.FLOAT, _INTEGER: SettingKind.INT}.get(property_type, SettingKind.TEXT)


def _value(kind: SettingKind, text: str) -> SettingValue | None:
    """Read a property's text as `kind`; None where the device says something else."""
    try:
        match kind:
            case SettingKind.BOOL:
                return {"0": False, "1": True}.get(text)
            case SettingKind.INT:
                return int(text)
            case SettingKind.FLOAT:
                return float(text)
            case _:
                return text
    except ValueError:
        return None


def _ordered(choices: tuple[str, ...], now: str) -> tuple[str, ...]:
    """Sort numbers by value; the value now is always among the choices."""
    every = choices if now in choices else (*choices, now)
    try:
        return tuple(sorted(every, key=float))
    except ValueError:
        return every
