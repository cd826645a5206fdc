"""Sections that describe the instrument: camera, optics, motors, force."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from magscope_app.config.section import Section

MotorRole = Literal["focus", "magnet_height", "magnet_rotation", "stage_x", "stage_y", "other"]
DRIVER_PATTERN = r"^[A-Za-z_][\w.-]*(:[A-Za-z_]\w*)?$"


class CameraNoise(Section):
    """Noise of the camera: variance = gain · (signal − offset) + (gain · read noise)²; its uneven field."""

    gain_dn_per_e: float = Field(1.0, gt=0, description="Grey levels (DN) per electron.")
    offset_dn: float = Field(0.0, ge=0, description="Grey level without light.")
    read_noise_e: float = Field(0.0, ge=0, description="Read noise, electrons rms.")
    dark_frame: Path | None = Field(
        None, description="Mean image without light (.npy, .tif), taken off every ROI before tracking."
    )
    flat_field: Path | None = Field(
        None, description="Mean image of even light without beads (.npy, .tif), by which ROIs are divided."
    )


class Camera(Section):
    """The camera, its rate and the part of the sensor that is read."""

    driver: str = Field(pattern=DRIVER_PATTERN, description='Class of the camera, as "package.module:Class".')
    fps: float = Field(100.0, gt=0, le=100_000, description="Frames per second.")
    exposure_ms: float | None = Field(
        None,
        gt=0,
        le=60_000,
        description="Exposure per frame; without it what the driver chooses at this fps.",
    )
    roi_px: tuple[int, int, int, int] | None = Field(
        None, description="Part of the sensor that is read: [x, y, width, height]; without it all of it."
    )
    path: Path | None = Field(None, description="Image, TIFF stack or dataset (replay only).")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the driver by name; one that ends in _file is a path.",
    )
    noise: CameraNoise | None = Field(None, description="Noise of the camera, where it is known.")

    @model_validator(mode="after")
    def _roi_is_a_rectangle(self) -> Camera:
        if self.roi_px is not None:
            x, y, width, height = self.roi_px
            if x < 0 or y < 0 or width < 16 or height < 16:
                raise ValueError("roi_px needs x, y ≥ 0 and width, height ≥ 16")
        if self.exposure_ms is not None and self.exposure_ms > 1000.0 / self.fps:
            raise ValueError(
                f"exposure_ms = {self.exposure_ms:g} is longer than a frame at {self.fps:g} fps "
                f"({1000 / self.fps:g} ms)"
            )
        return self


class Optics(Section):
    """What a pixel and a step of the focus mean at the sample."""

    pixel_pitch_um: float = Field(gt=0, le=1000, description="Pixel pitch of the sensor.")
    magnification: float = Field(gt=0, le=1000, description="Magnification from sample to sensor.")
    focal_shift_factor: float = Field(
        1.0, gt=0.1, le=2.0, description="Bead z per focus travel; about 0.88 for oil objectives in water."
    )
    surface_nm: float = Field(
        0.0, description="focal_shift_factor · focus position at which the coverslip is in focus."
    )

    @property
    def nm_per_px(self) -> float:
        """Size of a pixel at the sample in nm."""
        return 1000.0 * self.pixel_pitch_um / self.magnification


class Motor(Section):
    """One axis: focus, magnet height, magnet rotation, stage."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}$", description="Name of the axis, used in commands and files."
    )
    driver: str = Field(pattern=DRIVER_PATTERN, description='Class of the motor, as "package.module:Class".')
    role: MotorRole = Field("other", description="What the axis is for.")
    limits: tuple[float, float] | None = Field(
        None, description="Lowest and highest position, in the axis's unit."
    )
    lowest: float | None = Field(
        None, description="Lowest height of a magnet in mm; needed for magnet_height."
    )
    speed: float | None = Field(None, gt=0, description="Speed in units per second.")
    tolerance: float | None = Field(
        None,
        gt=0,
        description="How close to its target it counts as arrived, in its unit; without it 10 nm, 0.1 um, "
        "0.005 mm, 0.005 turns, 1 deg.",
    )
    timeout_s: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="A move that takes longer has failed; without it twice the time at its speed and 5 s.",
    )
    controller: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}$",
        description="Axes of one controller live in one process, those of camera in the camera's; without it "
        "the driver says which.",
    )
    telemetry_hz: float = Field(50.0, gt=0, le=1000, description="Positions per second that are recorded.")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the driver by name; one that ends in _file is a path.",
    )

    @model_validator(mode="after")
    def _limits_make_sense(self) -> Motor:
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ValueError(f"limits = {list(self.limits)}: the first must be lower than the second")
        if self.limits is not None and self.lowest is not None and not self.lowest < self.limits[1]:
            raise ValueError(f"lowest = {self.lowest:g} is not below the upper limit, {self.limits[1]:g}")
        if self.role == "magnet_height" and self.lowest is None:
            raise ValueError(
                "lowest is missing: say how far down (mm) the magnet may go without touching the sample"
            )
        return self


class ForceModel(Section):
    """Force falls exponentially with magnet height: force_pn = f0_pn · exp(−height_mm / decay_mm)."""

    f0_pn: float = Field(gt=0, le=10_000, description="Force at magnet height 0.")
    decay_mm: float = Field(gt=0, le=100, description="Height over which the force falls to 1/e.")


class Force(Section):
    """Magnet height to force, and back: a model or a table."""

    model: ForceModel | None = Field(None, description="Exponential model.")
    table: Path | None = Field(
        None,
        description="CSV file with the columns height_mm and force_pn; between its rows the force is "
        "exponential, beyond them nothing is known.",
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Force:
        if (self.model is None) == (self.table is None):
            given = "both are given" if self.model is not None else "neither is given"
            raise ValueError(f"give either model or table; {given}")
        return self
