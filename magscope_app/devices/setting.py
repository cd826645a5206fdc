"""A device's setting, described so that a window can build its control from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isnan
from sys import float_info

from magscope_app.devices.numbers import apart

SettingValue = bool | int | float | str
#: No device knows a larger number.
_LARGEST = int(float_info.max)


class SettingKind(Enum):
    """What a setting's value is."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a device and its value now.

    Attributes
    ----------
    name : str
        Unique within the device.
    kind : SettingKind
        Type of the value.
    value : bool, int, float or str
        The value now.
    unit : str
        Unit of a number, such as ``"ms"``; may be empty.
    limits : tuple of float, optional
        Lowest and highest number allowed.
    choices : tuple of str
        Allowed texts of a CHOICE.
    read_only : bool
        True for a value that the device only reports.
    help : str
        One line for a tooltip.
    config_key : tuple of str or int
        Where a config holds the value, such as ``("camera", "noise", "offset_dn")``, so that "save as
        config" can write what was set by hand; empty where no key does. The camera's `fps` and `exposure_ms`
        need none.
    config_value : bool, int, float or str, optional
        What the config is to hold there, where that is not the value itself.
    begins_anew : bool
        True where `set` raises `FormatChange` for any other value: that begins the run anew. Such a value is
        refused before the camera is asked where a recording or another job goes on.
    """

    name: str
    kind: SettingKind
    value: SettingValue
    unit: str = ""
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    help: str = ""
    config_key: tuple[str | int, ...] = ()
    config_value: SettingValue | None = None
    begins_anew: bool = False

    def why_not(self, value: object) -> str | None:
        """Say in one sentence why `value`, whatever it is, cannot be set, or return None."""
        if self.read_only:
            return f"{self.name} can only be read"
        wanted = ""
        match self.kind:
            case SettingKind.CHOICE if not isinstance(value, str) or value not in self.choices:
                wanted = f"choose one of {', '.join(self.choices)}"
            case SettingKind.BOOL if not isinstance(value, bool):
                wanted = "give true or false"
            case SettingKind.TEXT if not isinstance(value, str):
                wanted = "give text"
            case SettingKind.INT | SettingKind.FLOAT:
                return self._why_not_number(value)
        return f"{self._given(value)}: {wanted}" if wanted else None

    def _given(self, value: object) -> str:
        # Python refuses to write the largest numbers.
        huge = isinstance(value, int) and abs(value) > _LARGEST
        return f"{self.name} = {'a number beyond all limits' if huge else repr(value)[:60]}"

    def _why_not_number(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{self._given(value)}: give a number"
        if abs(value) > _LARGEST or isnan(value):
            return f"{self._given(value)}: give a finite number"
        if self.kind is SettingKind.INT and value != int(value):
            return f"{self._given(value)}: give a whole number"
        if self.limits is not None and not self.limits[0] <= value <= self.limits[1]:
            unit = f" {self.unit}" if self.unit else ""
            wanted, low, high = apart(value, *self.limits)
            return f"{self.name} = {wanted}{unit}: give {low} to {high}{unit}"
        return None
