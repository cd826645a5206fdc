"""A configuration of Micro-Manager (.cfg): what it loads, and the part of it that may be carried out.

Each line is a command and its arguments, separated by commas; ``#`` begins a comment.
https://micro-manager.org/Micro-Manager_Configuration_Guide
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from magscope_app.devices import DeviceError

#: Properties that move a stage, a turret or a wheel; opening moves nothing.
_MOVING = frozenset({"Position", "State", "Label"})
_CORE = "Core"
_SERIAL = "SerialManager"
#: Commands whose first argument is the device that they are about.
_ABOUT_A_DEVICE = frozenset({"Parent", "Delay", "FocusDirection", "Label"})
_Line = tuple[str, ...]


@dataclass(frozen=True)
class CfgDevice:
    """One device of a configuration.

    Attributes
    ----------
    label, adapter, device : str
        Its name in the core, its library, and its name there.
    parent : str
        Label of its hub; empty without one.
    before, after : tuple of (str, str)
        Properties to set before, and after, it starts.
    """

    label: str
    adapter: str
    device: str
    parent: str
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]

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
    text : str
        What the core is to carry out.
    left_out : tuple of str
        Lines that would have moved something.
    """

    path: Path
    devices: tuple[CfgDevice, ...]
    text: str
    left_out: tuple[str, ...] = field(default=())

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
        It cannot be read, loads nothing, or does not have the devices that are wanted.
    """
    lines = _lines(path)
    every = tuple(_devices(lines))
    if not every:
        raise DeviceError(f"{path} loads no device; give a .cfg file made with Micro-Manager")
    whole = Cfg(path, every, "")
    kept = {device.label for device in every} if not only else _with_needs(whole, only)
    done: list[str] = []
    left_out: list[str] = []
    started = False
    for line in lines:
        started = started or line == ("Property", _CORE, "Initialize", "1")
        if not _concerns(line, kept):
            continue
        (left_out if started and _moves(line) else done).append(",".join(line))
    devices = tuple(device for device in every if device.label in kept)
    return Cfg(path, devices, "\n".join([*done, ""]), tuple(left_out))


def _lines(path: Path) -> list[_Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DeviceError(f"{path} cannot be read ({error.strerror}); give a .cfg file") from error
    except UnicodeDecodeError as error:
        raise DeviceError(f"{path} is not a text file; give a .cfg file made with Micro-Manager") from error
    found = (line.strip() for line in text.splitlines())
    return [tuple(line.split(",")) for line in found if line and not line.startswith("#")]


def _devices(lines: list[_Line]) -> Iterator[CfgDevice]:
    parents = {line[1]: line[2] for line in lines if line[0] == "Parent" and len(line) >= 3}
    starts = ("Property", _CORE, "Initialize", "1")
    start = lines.index(starts) if starts in lines else len(lines)
    for line in lines:
        if line[0] != "Device" or len(line) < 4:
            continue
        label = line[1]
        mine = [
            (index, (other[2], other[3] if len(other) > 3 else ""))
            for index, other in enumerate(lines)
            if other[0] == "Property" and len(other) >= 3 and other[1] == label
        ]
        before = tuple(given for index, given in mine if index < start)
        after = tuple(given for index, given in mine if index > start and given[0] not in _MOVING)
        yield CfgDevice(label, line[2], line[3], parents.get(label, ""), before, after)


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


def _concerns(line: _Line, kept: Collection[str]) -> bool:
    command, arguments = line[0], line[1:]
    if command == "Device" or command in _ABOUT_A_DEVICE:
        return arguments[0] in kept
    if command == "Property":
        if arguments[0] != _CORE:
            return arguments[0] in kept
        # Roles, such as Property,Core,Camera,<label>; there is no shutter to open for every image.
        return arguments[1] == "Initialize" or arguments[-1] in kept
    if command == "ConfigGroup" and len(arguments) >= 4:
        return arguments[2] in kept
    return False


def _moves(line: _Line) -> bool:
    """Return whether a line, carried out when the file is read, would move something."""
    if line[0] == "Property":
        return line[1] != _CORE and line[2] in _MOVING
    return line[:3] == ("ConfigGroup", "System", "Startup") and line[4] in _MOVING
