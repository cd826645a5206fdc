"""A configuration of Micro-Manager (.cfg): what it loads, and the part of it that may be carried out.

Each line is a command and its arguments, separated by commas; ``#`` begins a comment.
https://micro-manager.org/Micro-Manager_Configuration_Guide
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardware.micromanager.cfg_lines import CORE, CfgLine, read_lines
from magscope_app.devices import DeviceError

#: Properties that move a stage, a turret or a wheel; opening moves nothing.
_MOVING = frozenset({"Position", "State", "Label"})
#: What else a property is called that moves a device which has started: a piezo by its voltage, a controller
#: by a raw command. Before the start such a name is that of a choice, as the number of positions.
_MOVING_NAME = re.compile(r"position|home|homing|\bmove|\bjog|\bgo ?to\b|angle|volt|command", re.IGNORECASE)
_SERIAL = "SerialManager"


@dataclass(frozen=True)
class CfgDevice:
    """One device of a configuration.

    Attributes
    ----------
    label, adapter, device : str
        Its name in the core, its library, and its name there.
    parent : str
        Label of its hub; empty without one.
    before : tuple of (str, str)
        Properties to set before it starts.
    """

    label: str
    adapter: str
    device: str
    parent: str
    before: tuple[tuple[str, str], ...]

    @property
    def is_port(self) -> bool:
        """True for a serial port."""
        return self.adapter == _SERIAL


@dataclass(frozen=True)
class Cfg:
    """A configuration, or the part of it that some devices need.

    Attributes
    ----------
    path : Path
        The file.
    devices : tuple of CfgDevice
        In the order of the file.
    lines : tuple of CfgLine
        What is to be carried out, in the order of the file.
    startup : tuple of CfgLine
        What is to be set when all of them have been.
    left_out : tuple of CfgLine
        Lines that would have moved something.
    """

    path: Path
    devices: tuple[CfgDevice, ...]
    lines: tuple[CfgLine, ...] = field(default=())
    startup: tuple[CfgLine, ...] = field(default=())
    left_out: tuple[CfgLine, ...] = field(default=())

    def device(self, label: str) -> CfgDevice:
        """Return a device. Raises DeviceError where the configuration does not have it."""
        for device in self.devices:
            if device.label == label:
                return device
        known = ", ".join(device.label for device in self.devices)
        raise DeviceError(f"{self.path} loads no device {label!r}; it loads: {known}")


def read_cfg(path: Path, only: Collection[str] = ()) -> Cfg:
    """Read a configuration.

    Parameters
    ----------
    path : Path
        The file.
    only : collection of str
        Labels of the devices that are wanted, with the hubs and ports they need; without any, all are.

    Raises
    ------
    DeviceError
        It cannot be read, has damaged lines, loads or starts nothing, or does not have the devices that are
        wanted.
    """
    lines = read_lines(path)
    every = tuple(_devices(lines))
    if not every:
        raise DeviceError(f"{path} loads no device; give a .cfg file made with Micro-Manager")
    start = next((place for place, line in enumerate(lines) if line.is_start), None)
    if start is None:
        raise DeviceError(
            f"{path} does not start its devices; put the line Property,Core,Initialize,1 after those that "
            "load them, or save the file again with Micro-Manager"
        )
    kept = {device.label for device in every} if not only else _with_needs(Cfg(path, every), only)
    mine = [(place, line) for place, line in enumerate(lines) if _concerns(line, kept)]
    moving = [line for place, line in mine if _moves(line, started=place > start or line.is_startup)]
    rest = [line for _, line in mine if line not in moving]
    return Cfg(
        path,
        tuple(device for device in every if device.label in kept),
        tuple(line for line in rest if not line.is_startup),
        tuple(line for line in rest if line.is_startup),
        tuple(moving),
    )


def _devices(lines: Sequence[CfgLine]) -> Iterator[CfgDevice]:
    parents = {line.label: line.fields[2] for line in lines if line.command == "Parent"}
    start = next((place for place, line in enumerate(lines) if line.is_start), len(lines))
    for line in lines:
        if line.command == "Device":
            _, label, adapter, device = line.fields
            before = tuple(
                other.setting
                for other in lines[:start]
                if other.command == "Property" and other.label == label
            )
            yield CfgDevice(label, adapter, device, parents.get(label, ""), before)


def _with_needs(whole: Cfg, only: Collection[str]) -> set[str]:
    """Return the labels with those of their hubs and ports."""
    known = {device.label for device in whole.devices}
    kept: set[str] = set()
    waiting = list(only)
    while waiting:
        device = whole.device(waiting.pop())
        if device.label in kept:
            continue
        kept.add(device.label)
        # A port is named by a property, mostly Port, whose value is its label.
        waiting += [
            label for label in (device.parent, *(value for _, value in device.before)) if label in known
        ]
    return kept


def _concerns(line: CfgLine, kept: Collection[str]) -> bool:
    if line.command == "ConfigGroup" and not line.is_startup:
        # Nobody chooses another preset.
        return False
    if line.label != CORE:
        return line.label in kept
    # Roles, such as Property,Core,Camera,<label>; there is no shutter to open for every image.
    name, value = line.setting
    return line.command == "Property" and (name == "Initialize" or value in kept)


def _moves(line: CfgLine, *, started: bool) -> bool:
    """Return whether a line, carried out before or after its device has started, may move something."""
    if line.label == CORE or line.command not in ("Property", "ConfigGroup"):
        return False
    name, _ = line.setting
    return name in _MOVING or (started and _MOVING_NAME.search(name) is not None)
