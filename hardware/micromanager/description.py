"""Which Micro-Manager device a config names, and with which properties."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from magscope_app.devices import DeviceError
from magscope_app.errors import Problem

PropertyValue = bool | int | float | str


class DeviceDescription(BaseModel):
    """The settings that a config gives for a device of Micro-Manager."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    adapter: str = Field(min_length=1, description='Device adapter (library), such as "DemoCamera".')
    device: str = Field(min_length=1, description='Device of the adapter, such as "DCam".')
    label: str = Field("", description="Name of the device in the core; without it the role or motor name.")
    properties: dict[str, PropertyValue] = Field(
        default_factory=dict, description="Properties of the device, set in this order."
    )


class CameraDescription(DeviceDescription):
    """The settings that a config gives for a camera of Micro-Manager."""

    buffer_mb: int = Field(64, ge=1, le=16_384, description="Memory in which the core queues images, in MB.")


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
    model: type[DeviceDescription], where: str, settings: Mapping[str, Any]
) -> tuple[Problem, ...]:
    """Return what is wrong with settings, and whether pymmcore-plus is missing, without loading a device."""
    problems = _problems(model, where, settings)
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


def _problem(model: type[DeviceDescription], where: str, entry: Mapping[str, Any]) -> Problem:
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
    if entry["type"] == "missing":
        text = model.model_fields[first].description or ""
        return Problem(key, "is missing", f"give the {text[:1].lower()}{text[1:].rstrip('.')}")
    if first == "properties" and len(entry["loc"]) > 1:
        return Problem(
            f"{key}.{entry['loc'][1]}",
            f"{entry['input']!r} is not allowed",
            "give a number, text or true/false",
        )
    message = str(entry["msg"])
    return Problem(key, f"{entry['input']!r} is not allowed", message[:1].lower() + message[1:])
