"""What a camera and a motor are; drivers in `hardware` or of your own implement it."""

from magscope_app.devices.camera import Camera, FrameFormat, FrameInfo
from magscope_app.devices.context import CameraContext, MotorContext
from magscope_app.devices.device import Device
from magscope_app.devices.errors import DeviceError, DeviceLost, DriverNotFound, FormatChange, LimitError
from magscope_app.devices.motor import Motor
from magscope_app.devices.setting import Setting, SettingKind, SettingValue

__all__ = [
    "Camera",
    "CameraContext",
    "Device",
    "DeviceError",
    "DeviceLost",
    "DriverNotFound",
    "FormatChange",
    "FrameFormat",
    "FrameInfo",
    "LimitError",
    "Motor",
    "MotorContext",
    "Setting",
    "SettingKind",
    "SettingValue",
]
