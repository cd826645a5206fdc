"""In which process a device of Micro-Manager lives, and what no other process can have meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from hardware.micromanager.cfg import read_cfg
from hardware.micromanager.description import AxisDescription, CameraDescription, DeviceDescription
from magscope_app.config import Config
from magscope_app.devices import DeviceError, MotorContext

#: The process of the camera; axes that live there say so by this controller.
CAMERA = "camera"
_ALONE = "micromanager"
_LONGEST = 16
#: Properties by which two instruments of one kind are told apart, such as SerialNumber.
_WHICH = re.compile(r"serial|address|\bid\b|[a-z]ID\b|index|\bip\b|host", re.IGNORECASE)
_Core = tuple[str, frozenset[str]]


def axis_controller(context: MotorContext) -> str:
    """Return the controller of an axis: its configuration, or the camera, where that has the same."""
    mine = _core_of(_read(AxisDescription, context.motor.settings))
    if mine is None:
        return _ALONE
    if mine == _camera_core(context.config):
        return CAMERA
    cores = dict.fromkeys(
        core
        for motor in context.config.motors
        if (core := _core_of(_read(AxisDescription, motor.settings))) is not None
    )
    place = list(cores).index(mine) if mine in cores else 0
    stem = re.sub(r"[^A-Za-z0-9_]", "_", mine[0].replace("\\", "/").rpartition("/")[2].partition(".")[0])
    return f"cfg{place or ''}_{stem}"[:_LONGEST]


def axis_claims(context: MotorContext) -> tuple[str, ...]:
    """Name the ports, hubs and devices that an axis keeps for its process."""
    return _claims(_read(AxisDescription, context.motor.settings), context.config)


def camera_claims(config: Config) -> tuple[str, ...]:
    """Name the ports, hubs and devices that the camera keeps for its process."""
    return _claims(_read(CameraDescription, config.camera.settings), config)


def _claims(given: DeviceDescription | None, config: Config) -> tuple[str, ...]:
    if given is None:
        return ()
    if given.cfg_file is None:
        return _claims_alone(given, config)
    try:
        devices = read_cfg(given.cfg_file, given.devices).devices
    except DeviceError:
        return ()
    hubs = {device.parent for device in devices}
    claims = []
    for device in devices:
        if device.is_port:
            claims.append(f"the port {device.device}")
        elif device.label in hubs:
            claims.append(f"the hub {device.device} of {device.adapter}")
        elif not device.parent:
            claims.append(f"the device {device.label} of {given.cfg_file.name}")
    return tuple(claims)


def _claims_alone(given: DeviceDescription, config: Config) -> tuple[str, ...]:
    """Return what a device claims that is named by itself: its port and hub, or else the device."""
    hub = f"the hub {given.hub} of {given.adapter}"
    if given.port:
        return (f"the port {given.port}", *((f"{hub} at {given.port}",) if given.hub else ()))
    if given.hub:
        # At which port it is nobody says: it may be any at which others have such a hub.
        ports = sorted(
            {
                other.port
                for other in _all_of(config)
                if other.port and (other.adapter, other.hub) == (given.adapter, given.hub)
            }
        )
        return (hub, *(f"{hub} at {port}" for port in ports))
    which = (f", {name} {value}" for name, value in given.properties.items() if _WHICH.search(name))
    return (f"the device {given.device} of {given.adapter}{''.join(which)}",)


def _all_of(config: Config) -> Iterator[DeviceDescription]:
    models: list[tuple[type[DeviceDescription], dict[str, Any]]] = [
        (CameraDescription, config.camera.settings)
    ]
    models += [(AxisDescription, motor.settings) for motor in config.motors]
    for model, settings in models:
        if (given := _read(model, settings)) is not None:
            yield given


def _camera_core(config: Config) -> _Core | None:
    # Another camera may have settings of the same names, but no devices of this package.
    if not config.camera.driver.startswith("hardware.micromanager."):
        return None
    return _core_of(_read(CameraDescription, config.camera.settings))


def _core_of(given: DeviceDescription | None) -> _Core | None:
    """Return what makes a core: a configuration, and the devices that are loaded of it."""
    if given is None or given.cfg_file is None:
        return None
    return str(given.cfg_file), frozenset(given.devices)


def _read(model: type[DeviceDescription], settings: dict[str, Any]) -> DeviceDescription | None:
    """Return settings as a description, or None where they are none; what is wrong is said elsewhere."""
    try:
        return model.model_validate(settings)
    except ValidationError:
        return None
