"""What the tests of the simulated microscope share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.simulated.microscope import SimulatedCamera
from magscope_app.config import Config
from magscope_app.devices import CameraContext, MotorContext
from magscope_app.devices.context import SharedMatrix, no_shared_matrix

Frames = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
MOTORS = {
    "focus": "Focus",
    "magnet_height": "MagnetHeight",
    "magnet_rotation": "MagnetRotation",
    "stage_x": "StageX",
    "stage_y": "StageY",
}


def twin_config(
    *,
    camera: dict[str, Any] | None = None,
    simulation: dict[str, Any] | None = None,
    motors: dict[str, dict[str, Any]] | None = None,
    **sections: Any,
) -> Config:
    """Return a config of the twin: 320 × 240 pixels, 3 beads of which 1 is stuck, as fast as possible."""
    motors = motors or {"magnet_height": {}}
    return Config.model_validate(
        {
            "camera": {
                "driver": "hardware.simulated.microscope:SimulatedCamera",
                "fps": 100.0,
                "exposure_ms": 5.0,
                "roi_px": [0, 0, 320, 240],
                "settings": {"instant": True},
                "noise": {"gain_dn_per_e": 0.012, "offset_dn": 8.0, "read_noise_e": 10.0},
                **(camera or {}),
            },
            "optics": {"pixel_pitch_um": 5.0, "magnification": 50.0, "focal_shift_factor": 0.88},
            "motors": [_motor(role, entry) for role, entry in motors.items()],
            "force": {"model": {"f0_pn": 40.0, "decay_mm": 1.6}},
            "simulation": {"seed": 1, "n_beads": 3, "n_reference": 1, **(simulation or {})},
            **sections,
        }
    )


def _motor(role: str, entry: dict[str, Any]) -> dict[str, Any]:
    driver = f"hardware.simulated.microscope:Simulated{MOTORS[role]}"
    lowest = {"lowest": 0.5} if role == "magnet_height" else {}
    return {"name": role, "driver": driver, "role": role, **lowest, **entry}


def camera_context(config: Config, shared_matrix: SharedMatrix = no_shared_matrix) -> CameraContext:
    """Return what a camera of `config` is made with."""
    return CameraContext(config=config, shared_matrix=shared_matrix)


def motor_context(config: Config, role: str, shared_matrix: SharedMatrix = no_shared_matrix) -> MotorContext:
    """Return what the motor for `role` is made with."""
    motor = config.motor_with_role(role)
    assert motor is not None
    return MotorContext(config=config, motor=motor, shared_matrix=shared_matrix)


def started(config: Config) -> SimulatedCamera:
    """Return a camera of `config` that is acquiring."""
    camera = SimulatedCamera(camera_context(config))
    camera.open()
    camera.start()
    return camera


def film(camera: SimulatedCamera, n_frames: int) -> tuple[Frames, Floats]:
    """Return frames (n, height, width) and truth (n, n_beads, 5)."""
    form = camera.format
    frames = np.empty((n_frames, form.height_px, form.width_px), form.dtype)
    truth = []
    for frame in frames:
        assert camera.read_into(frame, 1.0) is not None
        truth.append(camera.truth())
    return frames, np.array(truth)


def still(simulation: dict[str, Any] | None = None, bits: int = 12, gain: float = 0.2) -> Config:
    """Return a config with one stuck bead in 150 × 130 pixels."""
    return twin_config(
        camera={
            "roi_px": [0, 0, 150, 130],
            "settings": {"instant": True, "bits": bits},
            "noise": {"gain_dn_per_e": gain, "offset_dn": 20.0, "read_noise_e": 8.0},
        },
        simulation={"n_beads": 1, "n_reference": 1, **(simulation or {})},
    )
