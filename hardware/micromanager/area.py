"""Size, depth and ROI of the frames of a Micro-Manager camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.micromanager.loading import device_errors
from magscope_app.devices import DeviceError, FrameFormat, Setting, SettingKind

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

Roi = tuple[int, int, int, int]
_SMALLEST_PX = 16
#: Settings that move the part of the sensor that is read, without changing its size.
CORNER = ("roi_x_px", "roi_y_px")
#: Settings that change its size.
SIZE = ("roi_width_px", "roi_height_px")
AREA = CORNER + SIZE


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


def set_roi(core: CMMCorePlus, label: str, roi: Roi | None) -> tuple[int, int]:
    """Read the part (x, y, width, height) of the sensor, or all of it; return width and height of all.

    Raises
    ------
    DeviceError
        It reaches beyond the sensor, or the camera reads another part than it was told.
    """
    with device_errors(f"{label} refuses camera.roi_px = {list(roi) if roi else 'all'}"):
        core.clearROI()
        full = core.getImageWidth(), core.getImageHeight()
        if roi is None:
            return full
        # Some devices take a ROI that reaches beyond the sensor, and give what they like.
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
    return full


def area_settings(core: CMMCorePlus, label: str, full: tuple[int, int]) -> tuple[Setting, ...]:
    """Return which part of the sensor is read as settings; none for where it begins if that is all of it."""
    x, y, width, height = core.getROI(label)
    sizes = tuple(
        Setting(
            name,
            SettingKind.INT,
            now,
            "px",
            (min(_SMALLEST_PX, now), most),
            help="size of the part of the sensor that is read; another one begins the run anew",
            begins_anew=True,
        )
        for name, now, most in zip(SIZE, (width, height), full, strict=True)
    )
    if (width, height) == full:
        return sizes
    room = full[0] - width, full[1] - height
    return sizes + tuple(
        Setting(
            name,
            SettingKind.INT,
            at,
            "px",
            (0, most),
            help="where the part of the sensor that is read begins; elsewhere the run begins anew",
            begins_anew=True,
        )
        for name, at, most in zip(CORNER, (x, y), room, strict=True)
    )


def resized(roi: Roi, full: tuple[int, int], name: str, size_px: int) -> Roi:
    """Return a part of the sensor with another width or height; it begins earlier if it must."""
    x, y, width, height = roi
    width, height = (size_px, height) if name == SIZE[0] else (width, size_px)
    return min(x, full[0] - width), min(y, full[1] - height), width, height


def moved(roi: Roi, name: str, at_px: int) -> Roi:
    """Return a part of the sensor that begins at another column or row."""
    x, y, width, height = roi
    return (at_px, y, width, height) if name == CORNER[0] else (x, at_px, width, height)
