"""The lines of a configuration of Micro-Manager, each with its number; damaged ones are refused together.

https://micro-manager.org/Micro-Manager_Configuration_Guide
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from magscope_app.devices import DeviceError

CORE = "Core"
#: How many fields a command has, and their form.
_FORMS = {
    "Device": ((4,), "Device,LABEL,ADAPTER,DEVICE"),
    "Property": ((3, 4), "Property,LABEL,NAME,VALUE"),
    "Parent": ((3,), "Parent,LABEL,HUB"),
    "Delay": ((3,), "Delay,LABEL,MILLISECONDS"),
    "FocusDirection": ((3,), "FocusDirection,LABEL,SIGN"),
    "Label": ((4,), "Label,LABEL,STATE,TEXT"),
    "ConfigGroup": ((2, 5, 6), "ConfigGroup,GROUP,PRESET,LABEL,NAME,VALUE"),
}
#: Commands about pixel sizes, and obsolete ones: not carried out, nor are unknown ones, as in Micro-Manager.
_NOT_OURS = ("ConfigPixelSize", "PixelSize", "Configuration", "Equipment", "ImageSynchro")
#: So like a command must a word be to be taken for a slip of the pen.
_ALIKE = 0.75
#: What Windows, and Micro-Manager on it, write where it is not UTF-8.
_WINDOWS = "cp1252"


@dataclass(frozen=True)
class CfgLine:
    """One line: a command and what it is about.

    Attributes
    ----------
    number : int
        Its number in the file, from 1.
    fields : tuple of str
        The command and its arguments, without the spaces around them; an empty value is left off.
    """

    number: int
    fields: tuple[str, ...]

    @property
    def command(self) -> str:
        """The first field."""
        return self.fields[0]

    @property
    def is_start(self) -> bool:
        """True where the line starts all devices."""
        return self.fields == ("Property", CORE, "Initialize", "1")

    @property
    def is_startup(self) -> bool:
        """True for a property of the preset that is applied when the file has been read."""
        return self.fields[:3] == ("ConfigGroup", "System", "Startup") and len(self.fields) > 3

    @property
    def label(self) -> str:
        """The device that it is about; empty for a group without one."""
        place = 3 if self.command == "ConfigGroup" else 1
        return self.fields[place] if len(self.fields) > place else ""

    @property
    def setting(self) -> tuple[str, str]:
        """Name and value of the property that it sets."""
        name, *value = self.fields[4:] if self.command == "ConfigGroup" else self.fields[2:]
        return name, value[0] if value else ""

    def __str__(self) -> str:
        return f"line {self.number} ({','.join(self.fields)})"


def read_lines(path: Path) -> tuple[CfgLine, ...]:
    """Return the lines of the commands that count here.

    Raises
    ------
    DeviceError
        The file cannot be read, or has damaged lines; all of them in one sentence.
    """
    lines: list[CfgLine] = []
    for number, text in enumerate(_text(path).replace("\r\n", "\n").split("\n"), 1):
        if text.strip() and not text.lstrip().startswith("#"):
            fields = [field.strip() for field in text.split(",")]
            while len(fields) > 1 and not fields[-1]:
                fields.pop()
            lines.append(CfgLine(number, tuple(fields)))
    damaged = [f"{line} {why}" for line in lines if (why := _why_damaged(line)) is not None]
    damaged = damaged or [f"{line} {why}" for line, why in _wrong_labels(lines)]
    if damaged:
        raise DeviceError(
            f"{path} has damaged lines: {', and '.join(damaged)}; mend them, or save the file again with "
            "Micro-Manager"
        )
    return tuple(line for line in lines if line.command in _FORMS)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DeviceError(f"{path} cannot be read ({error.strerror}); give a .cfg file") from error
    for encoding in ("utf-8-sig", _WINDOWS):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DeviceError(f"{path} is not a text file; give a .cfg file made with Micro-Manager")


def _why_damaged(line: CfgLine) -> str | None:
    if line.command not in _FORMS:
        return _why_unknown(line.command)
    counts, form = _FORMS[line.command]
    if len(line.fields) not in counts:
        return f"is not of the form {form}"
    return None if all(line.fields) else f"has an empty field, but is to be {form}"


def _why_unknown(command: str) -> str | None:
    if command.startswith(_NOT_OURS):
        return None
    known = {known.casefold(): known for known in _FORMS}
    near = get_close_matches(command.casefold(), known, n=1, cutoff=_ALIKE)
    return f"is no command: did you mean {known[near[0]]}?" if near else None


def _wrong_labels(lines: list[CfgLine]) -> Iterator[tuple[CfgLine, str]]:
    """Yield the lines that give a label for a second time, or are about a device that none of them loads."""
    devices = [line for line in lines if line.command == "Device"]
    known = {line.label: line for line in reversed(devices)}
    if not known:
        return
    for line in lines:
        if line.command == "Device" and known[line.label] is not line:
            yield line, f"gives the label {line.label} for a second time"
        if line.command not in _FORMS or (line.command == "ConfigGroup" and not line.is_startup):
            continue
        wanted = (line.label, line.fields[2]) if line.command == "Parent" else (line.label,)
        missing = [label for label in wanted if label not in known and label != CORE]
        if missing:
            yield line, f"is about {' and '.join(missing)}, which no line loads"
