"""Which Micro-Manager device a config names, and with which properties."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hardware.micromanager.cfg import read_cfg
from magscope_app.devices import DeviceError
from magscope_app.errors import Problem

PropertyValue = bool | int | float | str
#: What a configuration says of its devices itself.
_ONE_BY_ONE = ("adapter", "device", "hub", "port", "port_properties")


class DeviceDescription(BaseModel):
    """The settings that a config gives for a device of Micro-Manager."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    adapter: str = Field("", description='Device adapter (library), such as "DemoCamera".')
    device: str = Field("", description='Device of the adapter, such as "DCam".')
    hub: str = Field("", description='Device of the adapter that is the hub of this one, such as "DHub".')
    port: str = Field("", description='Serial port of the device, such as "COM3" or "/dev/ttyUSB0".')
    port_properties: dict[str, PropertyValue] = Field(
        default_factory=dict, description="Properties of the port, such as BaudRate, set before it starts."
    )
    cfg_file: Path | None = Field(
        None, description="Configuration of Micro-Manager (.cfg) that loads the device, and others."
    )
    devices: tuple[str, ...] = Field(
        (), description="Labels of the devices that are loaded from cfg_file; all of them without it."
    )
    label: str = Field(
        "", description="Name of the device in the core, or in cfg_file; without it the role or motor name."
    )
    properties: dict[str, PropertyValue] = Field(
        default_factory=dict, description="Properties of the device, set in this order."
    )

    @model_validator(mode="after")
    def _says_which_device(self) -> Self:
        if self.cfg_file is None and not (self.adapter and self.device):
            missing = "device" if self.adapter else "adapter"
            raise PydanticCustomError(missing, "is missing")
        own = [name for name in _ONE_BY_ONE if getattr(self, name)]
        if self.cfg_file is not None and own:
            raise PydanticCustomError(own[0], "is said by cfg_file already; remove one of them")
        if self.cfg_file is None and self.devices:
            raise PydanticCustomError("devices", "chooses from cfg_file; give that, or remove devices")
        if self.port_properties and not self.port:
            raise PydanticCustomError("port_properties", "are of a port; give port")
        return self


class CameraDescription(DeviceDescription):
    """The settings that a config gives for a camera of Micro-Manager."""

    buffer_mb: int = Field(64, ge=1, le=16_384, description="Memory in which the core queues images, in MB.")


class AxisDescription(DeviceDescription):
    """The settings that a config gives for an axis of Micro-Manager."""

    um_per_unit: float | None = Field(
        None,
        description="Micrometres of the stage per unit of the axis; below zero the axis is reversed.",
    )

    @field_validator("um_per_unit")
    @classmethod
    def _is_a_factor(cls, value: float | None) -> float | None:
        if value == 0.0:
            raise ValueError("it cannot be 0")
        return value


_Description = TypeVar("_Description", bound=DeviceDescription)


def describe(model: type[_Description], where: str, settings: Mapping[str, Any]) -> _Description:
    """Return settings as a description.

    Raises
    ------
    DeviceError
        With all that is wrong.
    """
    problems = _problems(model, where, settings)
    if problems:
        raise DeviceError("; ".join(map(str, problems)))
    return model.model_validate(settings)


def description_problems(
    model: type[DeviceDescription], where: str, settings: Mapping[str, Any], name: str
) -> tuple[Problem, ...]:
    """Return what is wrong with settings, and whether pymmcore-plus is missing, without loading a device.

    Parameters
    ----------
    model : type
        What the settings must be.
    where : str
        Their key in the config.
    settings : mapping
        As given.
    name : str
        Label of the device where the settings have none.
    """
    problems = _problems(model, where, settings) or _cfg_problems(model, where, settings, name)
    if importlib.util.find_spec("pymmcore_plus") is None:
        problems += (
            Problem(where, "the package pymmcore_plus is not installed", "run: pip install pymmcore-plus"),
        )
    return problems


def _problems(model: type[DeviceDescription], where: str, settings: Mapping[str, Any]) -> tuple[Problem, ...]:
    try:
        model.model_validate(settings)
    except ValidationError as error:
        return tuple(_problem(model, where, entry) for entry in error.errors())
    return ()


def _cfg_problems(
    model: type[DeviceDescription], where: str, settings: Mapping[str, Any], name: str
) -> tuple[Problem, ...]:
    given = model.model_validate(settings)
    if given.cfg_file is None:
        return ()
    try:
        read_cfg(given.cfg_file, given.devices).device(given.label or name)
    except DeviceError as error:
        what, _, remedy = str(error).partition("; ")
        return (Problem(f"{where}.cfg_file", what, remedy),)
    return ()


def _problem(model: type[DeviceDescription], where: str, entry: Mapping[str, Any]) -> Problem:
    if not entry["loc"]:
        return _contradiction(model, where, entry)
    first = str(entry["loc"][0])
    key = f"{where}.{first}"
    if entry["type"] == "extra_forbidden":
        known = list(model.model_fields)
        near = get_close_matches(first, known, n=1, cutoff=0.5)
        return Problem(
            key,
            "there is no such setting",
            f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}",
        )
    if first == "properties" and len(entry["loc"]) > 1:
        return Problem(
            f"{key}.{entry['loc'][1]}",
            f"{entry['input']!r} is not allowed",
            "give a number, text or true/false",
        )
    message = str(entry["msg"])
    return Problem(key, f"{entry['input']!r} is not allowed", message[:1].lower() + message[1:])


def _contradiction(model: type[DeviceDescription], where: str, entry: Mapping[str, Any]) -> Problem:
    """Say what the settings together do not say; the type of the error is the setting that it is about."""
    what, _, remedy = str(entry["msg"]).partition("; ")
    if not remedy:
        text = model.model_fields[entry["type"]].description or ""
        remedy = f"give the {text[:1].lower()}{text[1:].rstrip('.')}, or a cfg_file"
    return Problem(f"{where}.{entry['type']}", what, remedy)
