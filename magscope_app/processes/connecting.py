"""Open every device of a config once, each where it would live, and close it again; nothing is moved."""

from __future__ import annotations

import math
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from magscope_app.config import Config, MotorConfig
from magscope_app.devices import Camera, CameraContext, DeviceError, Motor, MotorContext
from magscope_app.devices.lookup import append_driver_folders, load_driver
from magscope_app.errors import FOREIGN
from magscope_app.processes.controllers import CAMERA, motor_processes

#: All devices together may take so long to open.
TIMEOUT_S = 30.0
_END_S = 2.0


@dataclass(frozen=True, slots=True)
class _Closing:
    """A device is being closed since `began` (monotonic); the others are to follow."""

    name: str
    began: float
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """What came of opening one device.

    Attributes
    ----------
    process : str
        The process in which it would live.
    name, driver : str
        As in the config.
    is_open : bool
        False where it could not be opened.
    text : str
        What it is like, or why it could not be opened.
    warning : str
        What is to be seen to before it is used, though it could be opened.
    """

    process: str
    name: str
    driver: str
    is_open: bool
    text: str
    warning: str = ""


def connect_all(config: Config, timeout_s: float = TIMEOUT_S) -> tuple[Connected, ...]:
    """Open and close every device, each process's devices in a child of their own.

    Parameters
    ----------
    config : Config
        Names the devices.
    timeout_s : float
        Longest wait for all of them; a device that does not answer until then has failed.

    Returns
    -------
    tuple of Connected
        In the order of the config, one for each device, whatever happened.
    """
    context = multiprocessing.get_context("spawn")
    axes = {
        process: [entry.name for entry in entries] for process, entries in motor_processes(config).items()
    }
    groups = {CAMERA: ("camera", *axes.pop(CAMERA, []))} | {
        name: tuple(names) for name, names in axes.items()
    }
    running: dict[str, tuple[SpawnProcess, Connection]] = {}
    try:
        for process in groups:
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(target=_connect, args=(config, process, theirs), daemon=True)
            child.start()
            theirs.close()
            running[process] = child, ours
        deadline = time.monotonic() + timeout_s
        return tuple(
            result
            for process, names in groups.items()
            for result in _collect(config, process, names, *running[process], deadline, timeout_s)
        )
    finally:
        for child, ours in running.values():
            _end(child)
            ours.close()


def _collect(
    config: Config,
    process: str,
    names: tuple[str, ...],
    child: SpawnProcess,
    ours: Connection,
    deadline: float,
    timeout_s: float,
) -> list[Connected]:
    results: dict[str, Connected] = {}
    closing: list[_Closing] = []
    why = f"it does not answer within {timeout_s:g} s; is it switched on, and does nothing else use it?"
    ended = ""
    try:
        # What cannot be closed says so after all were opened; the child ends the pipe.
        while ours.poll(max(0.0, deadline - time.monotonic())):
            said = ours.recv()
            if isinstance(said, _Closing):
                closing.append(said)
            else:
                results[said.name] = said
                closing.clear()
    except EOFError:
        child.join(_END_S)
        ended = f"its driver has ended the process (exit code {child.exitcode}); see what it printed"
    why = ended or why
    for name in names:
        if name not in results:
            results[name] = Connected(process, name, _driver(config, name), False, why)
            why = f"not tried, as {name} failed" if not why.startswith("not tried") else why
    if closing:
        results |= _unclosed(results, closing[-1], ended)
    return [results[name] for name in names]


def _unclosed(results: dict[str, Connected], last: _Closing, ended: str) -> dict[str, Connected]:
    """Return what there is to say of a device whose closing did not end, and of those that were to follow."""
    waited_s = time.monotonic() - last.began
    why = ended or (
        f"its driver does not come back from closing it, for which {waited_s:.1f} s were waited; mend its "
        "close, and switch the device off and on before it is used again"
    )
    said = {last.name: f"it was opened, but {why}"}
    said |= dict.fromkeys(last.others, f"it was opened, but not closed, as {last.name} does not close")
    return {
        name: replace(results[name], is_open=False, text=text)
        for name, text in said.items()
        if results[name].is_open
    }


def _end(child: SpawnProcess) -> None:
    child.join(_END_S)
    if child.is_alive():
        child.kill()
        child.join(_END_S)
    child.close()


def _driver(config: Config, name: str) -> str:
    return next((motor.driver for motor in config.motors if motor.name == name), config.camera.driver)


# --- in the child --------------------------------------------------------------------------------


def _connect(config: Config, process: str, theirs: Connection) -> None:
    """Open the devices of one process, say what came of each, close them all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What drivers print is no part of what is found out.
    sys.stdout = sys.stderr
    append_driver_folders(config.drivers.path)
    opened: list[Camera | Motor] = []
    done: list[Connected] = []
    if process == CAMERA:
        done.append(_try(process, "camera", config.camera.driver, lambda: _open_camera(config, opened)))
        theirs.send(done[-1])
    for entry in motor_processes(config).get(process, ()):
        done.append(_try(process, entry.name, entry.driver, _opener(config, entry, opened)))
        theirs.send(done[-1])
    names = {result.name: result for result in done}
    while opened:
        device = opened.pop()
        others = tuple(_name(other) for other in opened)
        # Stands where closing does not come back, or ends the process.
        theirs.send(_Closing(_name(device), time.monotonic(), others))
        theirs.send(_closed(names[_name(device)], device))
    theirs.close()


def _closed(opened: Connected, device: Camera | Motor) -> Connected:
    def close() -> tuple[str, str]:
        device.close()
        return "", ""

    closed = _try(opened.process, opened.name, opened.driver, close)
    if not opened.is_open or closed.is_open:
        return opened
    return replace(opened, is_open=False, text=f"it was opened, but closing it fails: {closed.text}")


def _try(process: str, name: str, driver: str, function: Callable[[], tuple[str, str]]) -> Connected:
    try:
        return Connected(process, name, driver, True, *function())
    except DeviceError as error:
        return Connected(process, name, driver, False, str(error))
    except FOREIGN as error:
        return Connected(process, name, driver, False, f"{type(error).__name__}: {error}; mend the driver")


def _name(device: Camera | Motor) -> str:
    return device.name if isinstance(device, Motor) else "camera"


def _open_camera(config: Config, opened: list[Camera | Motor]) -> tuple[str, str]:
    camera = load_driver(config.camera.driver, Camera, config.drivers.path)(CameraContext(config=config))
    opened.append(camera)
    camera.open()
    form, n = camera.format, len(camera.settings())
    settings = "1 setting" if n == 1 else f"{n} settings"
    return f"{form.width_px} × {form.height_px} px, {form.bits} bit, {settings}", ""


def _opener(
    config: Config, entry: MotorConfig, opened: list[Camera | Motor]
) -> Callable[[], tuple[str, str]]:
    return lambda: _open_motor(config, entry, opened)


def _open_motor(config: Config, entry: MotorConfig, opened: list[Camera | Motor]) -> tuple[str, str]:
    driver = load_driver(entry.driver, Motor, config.drivers.path)
    motor = driver(MotorContext(config=config, motor=entry))
    opened.append(motor)
    motor.open()
    low, high = motor.limits
    if not low < high:
        raise DeviceError(
            f"its limits and those of the config leave nothing: {low:g} to {high:g} {motor.unit}"
        )
    if motor.is_moving():
        raise DeviceError("it moves, though nobody told it to; stop it and look why")
    position = motor.position()
    if not math.isfinite(position):
        raise DeviceError(
            f"it gives {position:g} as its position; see to it, or mend the driver's position()"
        )
    if (refusal := motor.why_not_home()) is not None:
        raise DeviceError(refusal)
    inside = low - motor.tolerance <= position <= high + motor.tolerance
    warning = "" if inside else "it is outside its limits; move it inside, or give limits that hold it"
    return f"at {position:.6g} {motor.unit}, limits {low:g} to {high:g} {motor.unit}", warning
