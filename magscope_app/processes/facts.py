"""What a dataset has to say about itself beyond what its folder knows: config, clock, devices."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from magscope_app.clock import WallAnchor
from magscope_app.config import Config, LoadedConfig
from magscope_app.devices import Camera, Motor
from magscope_app.devices.force import force_calibration
from magscope_app.devices.lookup import load_driver, module_hash, source_hash
from magscope_app.messages import Bead, CameraReady, CameraSettings, MotorInfo


def dataset_facts(
    loaded: LoadedConfig,
    anchor: WallAnchor,
    camera: CameraReady | None,
    motors: Sequence[MotorInfo],
    beads: Sequence[Bead],
    roi_px: int,
) -> dict[str, Any]:
    """Return what goes into dataset.json when a recording starts.

    Parameters
    ----------
    loaded : LoadedConfig
        The config that is run.
    anchor : WallAnchor
        The session clock.
    camera, motors, beads, roi_px
        As they are now.
    """
    config = loaded.config
    facts: dict[str, Any] = {
        "operator": config.session.operator or _login(),
        "notes": config.session.notes,
        "config_file": str(loaded.path),
        "overrides": list(loaded.overrides),
        "config": config.model_dump(mode="json"),
        "nm_per_px": config.optics.nm_per_px,
        "focal_shift_factor": config.optics.focal_shift_factor,
        "surface_nm": config.optics.surface_nm,
        "clock": {
            "source": "perf_counter_ns since session start",
            "uncertainty_ns": anchor.uncertainty_ns,
        },
        "drivers": _drivers(loaded),
        "functions": _functions(config),
        "motors": [asdict(motor) for motor in motors],
        "beads": [asdict(bead) for bead in beads],
        "roi_px": roi_px,
    }
    calibration = force_calibration(config.force)
    if calibration is not None:
        facts["force"] = calibration.description()
    if camera is not None:
        facts["camera"] = {
            "format": asdict(camera.format),
            "tick_source": camera.tick_source,
            "settings": {setting.name: setting.value for setting in camera.settings},
            "noise": config.camera.noise.model_dump(mode="json") if config.camera.noise else None,
        }
    return facts


def setting_changes(camera: CameraReady | None, now: CameraSettings) -> list[dict[str, Any]]:
    """Return what a setting was and is, for those that have changed."""
    old = {setting.name: setting.value for setting in camera.settings} if camera is not None else {}
    return [
        {
            "device": "camera",
            "name": setting.name,
            "value": setting.value,
            "before": old.get(setting.name),
            "unit": setting.unit,
        }
        for setting in now.settings
        if setting.value != old.get(setting.name)
    ]


def _login() -> str:
    """Return the login name, or nothing where there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _drivers(loaded: LoadedConfig) -> dict[str, dict[str, str]]:
    config = loaded.config
    camera: type[object] = load_driver(config.camera.driver, Camera, config.drivers.path)
    found = {"camera": {"driver": config.camera.driver, "source_sha256": source_hash(camera)}}
    for motor in config.motors:
        cls: type[object] = load_driver(motor.driver, Motor, config.drivers.path)
        found[motor.name] = {"driver": motor.driver, "source_sha256": source_hash(cls)}
    return found


def _functions(config: Config) -> dict[str, dict[str, str | None]]:
    """Return the user's own functions that take part, each with the state of its source."""
    names = {
        "recording.process_fn": config.recording.process_fn,
        "recording.storage": config.recording.storage,
        "experiment.protocol": config.experiment.protocol,
    }
    return {
        key: {"name": name, "source_sha256": module_hash(name.partition(":")[0], config.drivers.path)}
        for key, name in names.items()
        if name is not None
    }
