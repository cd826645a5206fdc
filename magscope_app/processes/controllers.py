"""Which axes live together: one process per controller, so that no two processes talk on one line."""

from __future__ import annotations

from collections.abc import Mapping

from magscope_app.config import Config, MotorConfig
from magscope_app.devices import Camera, CameraContext, Motor, MotorContext
from magscope_app.devices.lookup import load_driver
from magscope_app.errors import Problem

#: The process of the axes; with more than one controller each name goes on with that of its controller.
MOTORS = "motors"
#: Axes of this controller live in the camera's process, beside its driver.
CAMERA = "camera"


def motor_processes(config: Config) -> Mapping[str, tuple[MotorConfig, ...]]:
    """Return the axes of each motors process, in the order of the config.

    Returns
    -------
    mapping of str to tuple of MotorConfig
        With one controller its only key is ``"motors"``, with more ``"motors-<controller>"``; beside them
        ``"camera"``, if axes live in the camera's process.

    Raises
    ------
    DriverNotFound
        An axis has no driver.
    """
    controllers: dict[str, list[MotorConfig]] = {}
    for entry in config.motors:
        driver = load_driver(entry.driver, Motor, config.drivers.path)
        name = entry.controller or driver.controller(MotorContext(config=config, motor=entry))
        controllers.setdefault(name, []).append(entry)
    beside_camera = {CAMERA: tuple(entries)} if (entries := controllers.pop(CAMERA, [])) else {}
    if len(controllers) == 1:
        return beside_camera | {MOTORS: tuple(*controllers.values())}
    return beside_camera | {f"{MOTORS}-{name}": tuple(entries) for name, entries in controllers.items()}


def claim_problems(config: Config) -> tuple[Problem, ...]:
    """Return which ports, hubs and devices are named by more than one process, as only one can have them.

    Raises
    ------
    DriverNotFound
        A device has no driver.
    """
    camera = load_driver(config.camera.driver, Camera, config.drivers.path)
    holders: dict[str, tuple[str, str]] = {}
    for claim in camera.claims(CameraContext(config=config)):
        holders[claim.casefold()] = CAMERA, "the camera"
    found = []
    for process, entries in motor_processes(config).items():
        for entry in entries:
            driver = load_driver(entry.driver, Motor, config.drivers.path)
            for claim in driver.claims(MotorContext(config=config, motor=entry)):
                # COM3 and com3 are one port.
                holder, name = holders.setdefault(claim.casefold(), (process, entry.name))
                if holder != process:
                    what = f"{claim} belongs to {name} in another process, and only one can have it"
                    found.append(Problem(f"motors.{entry.name}.controller", what, _remedy(config, name)))
                    break
    return tuple(found)


def _remedy(config: Config, holder: str) -> str:
    motor = next((motor for motor in config.motors if motor.name == holder), None)
    if motor is None:
        return 'give controller = "camera" to let it live in the camera\'s process'
    return f"give it and {holder} the same controller"
