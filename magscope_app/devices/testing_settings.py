"""What cameras and motors have in common in the tests of `magscope_app.devices.testing`: settings."""

from __future__ import annotations

from collections.abc import Container, Iterator
from math import inf, isfinite, nan

import pytest

from magscope_app.devices.camera import Camera
from magscope_app.devices.errors import DeviceError
from magscope_app.devices.motor import Motor
from magscope_app.devices.setting import Setting, SettingKind, SettingValue

#: A fixture cannot be abstract, and without one here pytest would only say that it finds none.
NO_MAKE = (
    "{} does not say how its device is made: give it a fixture make, as magscope_app.devices.testing shows"
)
#: A real number is changed by this part of its value, a whole one by this part of its range.
_PART = 0.1


def open_again(device: Camera | Motor) -> None:
    """Open a device that was closed."""
    try:
        device.open()
    except DeviceError as error:
        pytest.fail(
            f"a device that was closed cannot be opened again ({error}): close() does not let go of it, or "
            "open() relies on what was made once",
            pytrace=False,
        )


def check_settings(device: Camera | Motor) -> None:
    """Make sure that names are unique and that each setting can be set to what it is."""
    settings = device.settings()
    names = [setting.name for setting in settings]
    assert len(names) == len(set(names)), "two settings have one name"
    for setting in settings:
        if setting.read_only:
            continue
        assert setting.why_not(setting.value) is None, f"{setting.name} has a value that it does not allow"
        device.set(setting.name, setting.value)
        now = _now(device, setting)
        assert now == setting.value, f"{setting.name} is {now!r} after it was set to {setting.value!r}"


def check_changes(device: Camera | Motor, untouched: Container[str]) -> None:
    """Make sure that what is set is what is read afterwards; every setting is set back."""
    for name in [setting.name for setting in device.settings()]:
        # One may have changed with another.
        setting = next(known for known in device.settings() if known.name == name)
        wanted = None if name in untouched else _another(setting)
        if wanted is None:
            continue
        try:
            device.set(setting.name, wanted)
        except DeviceError:
            # Allowed, but not now, or not with the others; then nothing has changed.
            assert _now(device, setting) == setting.value, f"{setting.name} was refused, and yet has changed"
            continue
        now = _now(device, setting)
        device.set(setting.name, setting.value)
        assert _is_nearer(now, wanted, setting.value), (
            f"{setting.name} was set from {setting.value!r} to {wanted!r}, but is {now!r} afterwards: "
            "set() ignores the value, or settings() does not tell it"
        )


def check_refusals(device: Camera | Motor) -> None:
    """Make sure that unknown names, what can only be read, and what is not allowed raise DeviceError."""
    _require_refusal(device, "a setting that no device has", 1)
    for setting in device.settings():
        for value in _not_allowed(setting):
            _require_refusal(device, setting.name, value)
            assert _now(device, setting) == setting.value, f"{setting.name} was refused, and yet has changed"


def _require_refusal(device: Camera | Motor, name: str, value: SettingValue) -> None:
    try:
        device.set(name, value)
    except DeviceError:
        return
    pytest.fail(f"{name} = {value!r} is not allowed, but set() takes it; raise DeviceError", pytrace=False)


def _now(device: Camera | Motor, setting: Setting) -> SettingValue:
    return next(other.value for other in device.settings() if other.name == setting.name)


def _is_nearer(now: SettingValue, wanted: SettingValue, before: SettingValue) -> bool:
    """Return whether a value is what was set; a device may round a number."""
    if isinstance(now, str) or isinstance(wanted, str) or isinstance(before, str):
        return now == wanted
    return abs(now - wanted) <= abs(before - wanted) / 2


def _another(setting: Setting) -> SettingValue | None:
    """Return an allowed value not far from the one that a setting has, None where there is none."""
    value, low, high = setting.value, *(setting.limits or (0.0, 0.0))
    if setting.read_only:
        return None
    if setting.kind is SettingKind.BOOL:
        return not value
    if setting.kind is SettingKind.CHOICE:
        return next((choice for choice in setting.choices if choice != value), None)
    if setting.limits is None or isinstance(value, str):
        return None
    step = max(1.0, _PART * (high - low)) if setting.kind is SettingKind.INT else _PART * abs(value)
    near = (value - step, value + step, low, high)
    allowed = (wanted for wanted in near if isfinite(wanted) and low <= wanted <= high and wanted != value)
    another = next(allowed, None)
    return int(another) if another is not None and setting.kind is SettingKind.INT else another


def _not_allowed(setting: Setting) -> Iterator[SettingValue]:
    if setting.read_only:
        yield setting.value
    elif setting.kind is SettingKind.CHOICE:
        yield "a choice that no setting has"
    elif setting.kind in (SettingKind.INT, SettingKind.FLOAT):
        for limit, sign in zip(setting.limits or (), (-1, 1), strict=False):
            if isfinite(limit):
                beyond = limit + sign * max(1.0, abs(limit))
                yield int(beyond) if setting.kind is SettingKind.INT else beyond
        yield from (nan, inf, -inf)
