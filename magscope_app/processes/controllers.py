"""Which axes live together: one process per controller, so that no two processes talk on one line."""

from __future__ import annotations

from collections.abc import Mapping

from magscope_app.config import Config, MotorConfig
from magscope_app.devices import Motor, MotorContext
from magscope_app.devices.lookup import load_driver

#: The process of the axes; with more than one controller each name goes on with that of its controller.
MOTORS = "motors"


def motor_processes(config: Config) -> Mapping[str, tuple[MotorConfig, ...]]:
    """Return the axes of each motors process, in the order of the config.

    Returns
    -------
    mapping of str to tuple of MotorConfig
        With one controller its only key is ``"motors"``, with more ``"motors-<controller>"``.

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
    if len(controllers) == 1:
        return {MOTORS: config.motors}
    return {f"{MOTORS}-{name}": tuple(entries) for name, entries in controllers.items()}


def is_motors(process: str) -> bool:
    """Return True for the name of a motors process."""
    return process.partition("-")[0] == MOTORS
