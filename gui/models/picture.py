"""From a camera frame to the pixels on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gui.models.viewport import Viewport

#: Percentiles of the grey levels that become black and white.
_PERCENTILES = (0.3, 99.7)
#: A frame is sampled at every n-th row and column to find them.
_STRIDE = 7
_OPAQUE = 0xFF000000
#: Colours from dark to bright (red, green, blue), evenly spaced.
_STOPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "grey": ((0, 0, 0), (255, 255, 255)),
    "saturation": ((0, 0, 0), (255, 255, 255)),
    "inverted": ((255, 255, 255), (0, 0, 0)),
    "heat": ((0, 0, 0), (110, 10, 90), (220, 60, 40), (250, 170, 20), (255, 255, 200)),
    "ice": ((0, 0, 0), (20, 40, 110), (30, 120, 180), (90, 200, 210), (240, 255, 255)),
}
COLOUR_MAPS = tuple(_STOPS)


@dataclass(frozen=True, slots=True)
class Levels:
    """Grey levels shown as black and as white."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Patch:
    """Screen pixels (height, width) as 0xAARRGGBB and the point of the widget where they go."""

    pixels: npt.NDArray[np.uint32]
    x: int
    y: int


def full_levels(bits: int) -> Levels:
    """Return the levels that show everything a camera with so many significant bits can say."""
    return Levels(0.0, float(2**bits - 1))


def auto_levels(image: npt.NDArray[Any], previous: Levels | None = None) -> Levels:
    """Return levels that use the image's contrast, steady where it has changed little.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (height, width)
        The frame.
    previous : Levels, optional
        Kept while both ends have moved by less than a tenth of the range.
    """
    low, high = np.percentile(image[::_STRIDE, ::_STRIDE], _PERCENTILES)
    fresh = Levels(float(low), max(float(high), float(low) + 1.0))
    if previous is None:
        return fresh
    allowed = 0.1 * (fresh.high - fresh.low)
    steady = abs(fresh.low - previous.low) < allowed and abs(fresh.high - previous.high) < allowed
    return previous if steady else fresh


def exact_levels(image: npt.NDArray[Any]) -> Levels:
    """Return the levels of the darkest and the brightest pixel."""
    low, high = float(image.min()), float(image.max())
    return Levels(low, max(high, low + 1.0))


def saturated_share(image: npt.NDArray[Any], bits: int) -> float:
    """Return the share (0 to 1) of sampled pixels at the camera's largest grey level."""
    return float(np.mean(image[::2, ::2] >= 2**bits - 1))


def histogram(image: npt.NDArray[Any], bits: int, bins: int = 256) -> npt.NDArray[np.int64]:
    """Return how many sampled pixels fall in each of `bins` equal stretches of what the camera can say."""
    sample = image[::3, ::3].ravel()
    counts = np.bincount(sample, minlength=2**bits)[: 2**bits]
    return np.asarray(counts.reshape(min(bins, 2**bits), -1).sum(axis=1), np.int64)


def colour_table(levels: Levels, dtype: np.dtype[Any], colours: str, bits: int) -> npt.NDArray[np.uint32]:
    """Return the screen colour (0xAARRGGBB) of every grey level of `dtype`.

    Parameters
    ----------
    levels : Levels
        What is shown as black and as white.
    dtype : dtype
        uint8 or uint16.
    colours : str
        One of `COLOUR_MAPS`; "saturation" is grey with what is saturated in red.
    bits : int
        Significant bits of the camera.
    """
    values = np.arange(np.iinfo(dtype).max + 1, dtype=np.float32)
    share = np.clip((values - levels.low) / (levels.high - levels.low), 0, 1)
    stops = np.array(_STOPS[colours], np.float32)
    at = np.linspace(0, 1, len(stops))
    red, green, blue = (np.interp(share, at, channel).astype(np.uint32) for channel in stops.T)
    table = np.asarray(red << 16 | green << 8 | blue | np.uint32(_OPAQUE), dtype=np.uint32)
    if colours == "saturation":
        table[2**bits - 1 :] = 0xFFFF3030
    return table


def render(
    image: npt.NDArray[Any], table: npt.NDArray[np.uint32], viewport: Viewport, view: tuple[int, int]
) -> Patch | None:
    """Return the screen pixels of the visible part of `image`, or None where nothing of it is visible.

    Only as many pixels are touched as the screen shows, whatever the size of the frame.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (height, width)
        The frame.
    table : ndarray of uint32
        From `colour_table`.
    viewport : Viewport
        What is seen.
    view : tuple of int
        Width and height of the widget.
    """
    x, columns = _visible(viewport.left_px, viewport.scale, view[0], image.shape[1])
    y, rows = _visible(viewport.top_px, viewport.scale, view[1], image.shape[0])
    if not len(rows) or not len(columns):
        return None
    # The indices are right by construction; without looking at them again numpy takes half the time.
    visible = image.take(rows, axis=0, mode="clip").take(columns, axis=1, mode="clip")
    return Patch(table.take(visible, mode="clip"), x, y)


def _visible(start_px: float, scale: float, length: int, size: int) -> tuple[int, npt.NDArray[np.intp]]:
    """Return the first screen pixel that shows the image, and the image index of it and those after it."""
    indices = np.floor(start_px + (np.arange(length) + 0.5) / scale + 0.5).astype(np.intp)
    first, last = np.searchsorted(indices, (0, size))
    return int(first), indices[first:last]
