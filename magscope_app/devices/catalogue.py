"""Which drivers there are on this computer, what each needs, and why one cannot be used."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from magscope_app.devices.camera import Camera
from magscope_app.devices.device import Device
from magscope_app.devices.errors import DriverNotFound
from magscope_app.devices.lookup import announced_drivers, load_driver
from magscope_app.devices.motor import Motor
from magscope_app.errors import FOREIGN

#: The drivers of this project; like all others they are found by name and imported only when they are used.
OWN_DRIVERS = (
    "hardware.simulated.microscope:SimulatedCamera",
    "hardware.simulated.microscope:SimulatedFocus",
    "hardware.simulated.microscope:SimulatedMagnetHeight",
    "hardware.simulated.microscope:SimulatedMagnetRotation",
    "hardware.simulated.microscope:SimulatedStageX",
    "hardware.simulated.microscope:SimulatedStageY",
    "hardware.micromanager.camera:MicroManagerCamera",
    "hardware.micromanager.focus:MicroManagerFocus",
    "hardware.micromanager.stage:MicroManagerStage",
    "hardware.micromanager.magnets:MicroManagerMagnetHeight",
    "hardware.micromanager.magnets:MicroManagerMagnetRotation",
    "hardware.micromanager.xy_stage:MicroManagerStageX",
    "hardware.micromanager.xy_stage:MicroManagerStageY",
    "hardware.replay.camera:ReplayCamera",
)


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """A driver that is installed.

    Attributes
    ----------
    driver : str
        As a config names it.
    kind : str
        ``"camera"``, ``"motor"``, or ``"unknown"`` for one that cannot be loaded.
    about : str
        What it is, in one sentence.
    unit : str
        Of a motor's positions; empty for others.
    needs : str
        What it needs besides this application.
    unavailable : str
        Why it cannot be used here and what to do; empty where it can.
    """

    driver: str
    kind: Literal["camera", "motor", "unknown"]
    about: str = ""
    unit: str = ""
    needs: str = ""
    unavailable: str = ""


def installed_drivers() -> tuple[DriverInfo, ...]:
    """Return the drivers of this project and those that installed packages announce; none is opened."""
    return tuple(_describe(name) for name in _names())


def _names() -> Iterator[str]:
    yield from OWN_DRIVERS
    yield from sorted(set(announced_drivers()) - set(OWN_DRIVERS))


def _describe(name: str) -> DriverInfo:
    try:
        found = load_driver(name, Device)
    except DriverNotFound as error:
        return DriverInfo(name, "unknown", unavailable=str(error))
    kind: Literal["camera", "motor", "unknown"] = (
        "camera" if issubclass(found, Camera) else "motor" if issubclass(found, Motor) else "unknown"
    )
    about = (inspect.getdoc(found) or "").partition("\n")[0].replace("`", "")
    unit = found.unit if issubclass(found, Motor) else ""
    texts: dict[str, object] = {"unit": unit, "needs": found.needs}
    for what, text in texts.items():
        if not isinstance(text, str):
            wrong = f"its {what} is {reprlib.repr(text)}, and must be a text; mend the driver"
            return DriverInfo(name, kind, about, unavailable=wrong)
    return DriverInfo(name, kind, about, unit, found.needs, _why_unavailable(found))


def _why_unavailable(found: type[Device]) -> str:
    try:
        answer: object = found.why_unavailable()
    except FOREIGN as error:
        return f"it cannot say whether it can be used ({type(error).__name__}: {error}); mend the driver"
    if answer is None or isinstance(answer, str):
        return answer or ""
    return f"its why_unavailable() is {reprlib.repr(answer)}, and must be a sentence or None; mend the driver"
