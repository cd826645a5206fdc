"""Section [[simulation.faults]]: what goes wrong on purpose."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from pydantic import Field, model_validator

from magscope_app.config.section import Section

FaultKind = Literal["drop_frames", "stall", "disconnect", "saturated_light", "stuck_motor", "limit_switch"]
#: Faults of the camera and of the axes, and the keys that each of them reads beside kind and device.
CAMERA_FAULTS = MappingProxyType(
    {
        "drop_frames": ("at_frame", "count", "every"),
        "stall": ("at_frame", "duration_s", "every"),
        "disconnect": ("at_frame",),
        "saturated_light": ("at_frame", "count", "every"),
    }
)
MOTOR_FAULTS = MappingProxyType(
    {
        "disconnect": ("at_s",),
        "stuck_motor": ("at_s", "duration_s"),
        "limit_switch": ("at_s", "at_position"),
    }
)


class FaultEntry(Section):
    """One thing that goes wrong: in the camera at a frame, in a motor at a time."""

    kind: FaultKind = Field(description="What goes wrong.")
    device: str = Field("camera", description='"camera", or the name of a motor.')
    at_frame: int | None = Field(
        None, ge=1, description="Camera: frame number at which it happens first; needed there."
    )
    count: int = Field(
        1, ge=1, le=100_000, description="drop_frames, saturated_light: how many frames it lasts."
    )
    every: int | None = Field(
        None, ge=1, description="drop_frames, stall, saturated_light: again after so many frames."
    )
    at_s: float = Field(0.0, ge=0, le=1e6, description="Motor: so long after it was opened.")
    duration_s: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description="stall (needed), stuck_motor: how long; a motor without it stays stuck until reopened.",
    )
    at_position: float | None = Field(
        None, description="limit_switch: where the switch sits, in the axis's unit; needed there."
    )

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> FaultEntry:
        on_camera = self.device == "camera"
        known = CAMERA_FAULTS if on_camera else MOTOR_FAULTS
        if self.kind not in known:
            whose = "the camera" if on_camera else "a motor"
            mend = "name a motor in device" if on_camera else "leave device out"
            raise ValueError(f"{self.kind} is no fault of {whose}: {mend}, or choose {', '.join(known)}")
        reads = known[self.kind]
        idle = sorted(self.model_fields_set - {"kind", "device", *reads})
        if idle:
            raise ValueError(f"{self.kind} does not use {', '.join(idle)}: leave it out")
        needs = {"at_frame", "at_position", *(("duration_s",) if self.kind == "stall" else ())}
        missing = [key for key in reads if key in needs and getattr(self, key) is None]
        if missing:
            raise ValueError(f"{self.kind} needs {' and '.join(missing)}")
        return self
