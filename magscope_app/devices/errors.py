"""What can go wrong with a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from magscope_app.errors import MagscopeError

if TYPE_CHECKING:
    from magscope_app.devices.camera import FrameFormat


class DeviceError(MagscopeError):
    """A device did not do what it was told; the text names device, cause and remedy."""


class FormatChange(DeviceError):
    """A setting would change size or depth of frames, or the part of the sensor; nothing was changed.

    The buffers of a run are made for one format, and its beads, dark frame and flat field for one part of the
    sensor, so that the run is stopped and begun anew with the camera opened as it is to be.

    Parameters
    ----------
    text : str
        Where the run cannot be begun anew: what happened and what to do.
    form : FrameFormat
        The new format.
    camera : mapping
        What of the section ``[camera]`` of the config is to be different.
    pixel_scale : float
        Width of a new pixel in old ones, such as 2 for twice the binning.
    offset_px : tuple of float
        What was at (x, y) is then at (x + ½) / pixel_scale − ½ + offset.
    """

    def __init__(
        self,
        text: str,
        form: FrameFormat,
        camera: Mapping[str, Any],
        pixel_scale: float = 1.0,
        offset_px: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        super().__init__(text)
        self.form = form
        self.camera = camera
        self.pixel_scale = pixel_scale
        self.offset_px = offset_px


class DeviceLost(DeviceError):
    """The device does not answer any more."""


class LimitError(DeviceError):
    """A position or value outside the limits; nothing was sent to the device."""


class DriverNotFound(MagscopeError):
    """There is no driver of this name, or what it needs is not installed."""
