"""Size, depth and ROI of the frames of a Micro-Manager camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.micromanager.loading import device_errors
from magscope_app.devices import DeviceError, FrameFormat

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

Roi = tuple[int, int, int, int]


def read_format(core: CMMCorePlus, label: str) -> FrameFormat:
    """Return the format of the frames of the core's camera.

    Raises
    ------
    DeviceError
        They are coloured, or have more than two bytes per pixel.
    """
    components, depth = core.getNumberOfComponents(), core.getBytesPerPixel()
    if components != 1 or depth not in (1, 2):
        raise DeviceError(
            f"{label} gives {depth} bytes per pixel in {components} colours; "
            "choose a grey PixelType of 8 or 16 bits in camera.settings.properties"
        )
    # FrameFormat takes the bytes of a pixel from the bits: 8 significant bits in 2 bytes count as 9.
    bits = min(max(core.getImageBitDepth(), 8 if depth == 1 else 9), 8 * depth)
    return FrameFormat(core.getImageWidth(), core.getImageHeight(), bits)


def set_roi(core: CMMCorePlus, label: str, roi: Roi | None) -> None:
    """Read the part (x, y, width, height) of the sensor, or all of it.

    Raises
    ------
    DeviceError
        It reaches beyond the sensor, or the camera reads another part than it was told.
    """
    with device_errors(f"{label} refuses camera.roi_px = {list(roi) if roi else 'all'}"):
        core.clearROI()
        if roi is None:
            return
        # Some devices take a ROI that reaches beyond the sensor, and give what they like.
        full = core.getImageWidth(), core.getImageHeight()
        if roi[0] + roi[2] > full[0] or roi[1] + roi[3] > full[1]:
            raise DeviceError(
                f"camera.roi_px = {list(roi)} reaches beyond the {full[0]} × {full[1]} px of {label}; "
                "give [x, y, width, height] inside of it"
            )
        core.setROI(label, *roi)
        if tuple(core.getROI(label)) != roi:
            raise DeviceError(
                f"{label} reads {list(core.getROI(label))} instead of camera.roi_px = {list(roi)}; "
                "give what its sensor can do"
            )
