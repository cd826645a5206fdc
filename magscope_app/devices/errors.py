"""What can go wrong with a device."""

from __future__ import annotations

from magscope_app.errors import MagscopeError


class DeviceError(MagscopeError):
    """A device did not do what it was told; the text names device, cause and remedy."""


class DeviceLost(DeviceError):
    """The device does not answer any more."""


class LimitError(DeviceError):
    """A position or value outside the limits; nothing was sent to the device."""


class DriverNotFound(MagscopeError):
    """There is no driver of this name, or what it needs is not installed."""
