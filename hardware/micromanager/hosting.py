"""In which process a device of Micro-Manager lives, and what no other process can have meanwhile."""

from __future__ import annotations

import re
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
    return _claims(_read(AxisDescription, context.motor.settings))


def camera_claims(config: Config) -> tuple[str, ...]:
    """Name the ports, hubs and devices that the camera keeps for its process."""
    return _claims(_read(CameraDescription, config.camera.settings))


def _claims(given: DeviceDescription | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if given.cfg_file is None:
        port = (f"the port {given.port}",) if given.port else ()
        hub = (f"the hub {given.hub} of {given.adapter}",) if given.hub and not given.port else ()
        return port + hub
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
