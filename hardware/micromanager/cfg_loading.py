"""Carry a configuration out in a core, line by line, so that each that is refused can be named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hardware.micromanager.cfg import Cfg
from hardware.micromanager.cfg_lines import CfgLine
from hardware.micromanager.loading import (
    CORE_ERRORS,
    SERIAL,
    allowed_values,
    check_offered,
    reason_of,
    unload,
)
from magscope_app.devices import DeviceError

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

_MEND = "mend it, or set it in Micro-Manager and save the file again"
_CONNECT = "is everything switched on and connected?"


def load_cfg(core: CMMCorePlus, cfg: Cfg) -> None:
    """Load what a configuration loads, but move nothing.

    Raises
    ------
    DeviceError
        With every adapter and device that is missing; or with the line that is refused, and why.
    """
    problems = []
    for adapter, device in sorted({(device.adapter, device.device) for device in cfg.devices}):
        try:
            # The names of the ports are those of the computer.
            check_offered(core, adapter, None if adapter == SERIAL else device)
        except DeviceError as error:
            problems.append(str(error))
    if problems:
        raise DeviceError(f"{cfg.path} cannot be loaded: {'; '.join(dict.fromkeys(problems))}")
    for line in cfg.lines:
        with _refused(core, cfg, line):
            _carry_out(core, line)
    _start_up(core, cfg, cfg.startup)


def reload_device(core: CMMCorePlus, cfg: Cfg, label: str) -> None:
    """Load one device of a configuration anew, as the configuration says. Raises DeviceError."""
    if label in core.getLoadedDevices():
        unload(core, [label])
    for line in cfg.lines:
        with _refused(core, cfg, line):
            if line.is_start:
                core.initializeDevice(label)
            elif line.label == label:
                _carry_out(core, line)
    _start_up(core, cfg, [line for line in cfg.startup if line.label == label])


def _carry_out(core: CMMCorePlus, line: CfgLine) -> None:
    match line.fields:
        case ("Device", label, adapter, device):
            core.loadDevice(label, adapter, device)
        case ("Parent", label, hub):
            core.setParentLabel(label, hub)
        case ("Delay", label, delay_ms):
            core.setDeviceDelayMs(label, float(delay_ms))
        case ("FocusDirection", label, sign):
            core.setFocusDirection(label, int(sign))
        case ("Label", label, state, text):
            core.defineStateLabel(label, int(state), text)
        case _:
            core.setProperty(line.label, *line.setting)


def _start_up(core: CMMCorePlus, cfg: Cfg, lines: Sequence[CfgLine]) -> None:
    """Set properties, again and again as long as one more is taken: one may be allowed by another only."""
    waiting = list(lines)
    while waiting:
        refused: dict[CfgLine, DeviceError] = {}
        for line in waiting:
            try:
                with _refused(core, cfg, line):
                    core.setProperty(line.label, *line.setting)
            except DeviceError as error:
                refused[line] = error
        if len(refused) == len(waiting):
            raise DeviceError("; ".join(map(str, refused.values())))
        waiting = list(refused)


@contextmanager
def _refused(core: CMMCorePlus, cfg: Cfg, line: CfgLine) -> Iterator[None]:
    """Say which line of which file the core refuses, why, and what to do."""
    try:
        yield
    except CORE_ERRORS as error:
        allowed = ""
        if line.command in ("Property", "ConfigGroup") and line.label in core.getLoadedDevices():
            allowed = allowed_values(core, line.label, line.setting[0])
        raise DeviceError(
            f"{cfg.path}, {line}: {reason_of(error)}{allowed}; {_CONNECT if line.is_start else _MEND}"
        ) from error
