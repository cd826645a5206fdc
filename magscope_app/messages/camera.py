"""The camera and its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from magscope_app.devices.camera import FrameFormat
from magscope_app.devices.setting import Setting, SettingValue
from magscope_app.messages.base import Message


@dataclass(frozen=True, slots=True)
class CameraReady(Message):
    """The camera is open."""

    format: FrameFormat
    settings: tuple[Setting, ...]
    tick_source: str


@dataclass(frozen=True, slots=True)
class SetCameraSetting(Message):
    """Change a setting of the camera."""

    name: str
    value: SettingValue


@dataclass(frozen=True, slots=True)
class FormatAsked(Message):
    """A setting would make other frames; see `magscope_app.devices.FormatChange`."""

    name: str
    value: SettingValue
    format: FrameFormat
    camera: dict[str, Any] = field(default_factory=dict)
    pixel_scale: float = 1.0
    offset_px: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class CameraSettings(Message):
    """The camera's settings as they are now."""

    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class FrameTimes(Message):
    """For who computes with them: exposure and period of the frames from now on."""

    exposure_s: float
    period_s: float
