"""Run a function in a fresh process, as a core must be gone before its process ends."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable
from typing import Any

from magscope_app.config import Config
from magscope_app.devices import CameraContext, MotorContext

CAMERA = {"adapter": "DemoCamera", "device": "DCam"}
STAGE = {"adapter": "DemoCamera", "device": "DStage"}
_PATIENCE_S = 60.0


def config(
    settings: dict[str, Any] | None = None, motors: tuple[dict[str, Any], ...] = (), **camera: Any
) -> Config:
    camera = {
        "driver": "hardware.micromanager.camera:MicroManagerCamera",
        "fps": 100,
        "settings": CAMERA | (settings or {}),
        **camera,
    }
    driver = "hardware.micromanager.focus:MicroManagerFocus"
    axes = [{"driver": driver, "settings": STAGE, **motor} for motor in motors]
    optics = {"pixel_pitch_um": 5, "magnification": 50}
    return Config.model_validate({"camera": camera, "optics": optics, "motors": axes})


def camera_context(settings: dict[str, Any] | None = None, **camera: Any) -> CameraContext:
    return CameraContext(config=config(settings, **camera))


def motor_context(*motors: dict[str, Any], index: int = 0) -> MotorContext:
    given = config(motors=motors or ({"name": "focus"},))
    return MotorContext(config=given, motor=given.motors[index])


def _call(connection: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    connection.send(function(*arguments))
    connection.close()


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `function` returns; fail where the process does not end with exit code 0."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        result = ours.recv() if ours.poll(_PATIENCE_S) else None
    except EOFError:
        result = None
    finally:
        ours.close()
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()
    code = process.exitcode
    process.close()
    assert code == 0, f"the process ended with exit code {code}"
    return result
