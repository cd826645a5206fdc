"""The camera and its settings."""

from __future__ import annotations

from dataclasses import dataclass

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
class CameraSettings(Message):
    """The camera's settings as they are now."""

    settings: tuple[Setting, ...]
