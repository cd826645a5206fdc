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


def grey_table(levels: Levels, dtype: np.dtype[Any]) -> npt.NDArray[np.uint32]:
    """Return the screen colour (0xAARRGGBB) of every grey level of `dtype`."""
    values = np.arange(np.iinfo(dtype).max + 1, dtype=np.float32)
    grey = np.clip((values - levels.low) * (255.0 / (levels.high - levels.low)), 0, 255).astype(np.uint32)
    return np.asarray(grey * np.uint32(0x010101) | np.uint32(_OPAQUE), dtype=np.uint32)


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
        From `grey_table`.
    viewport : Viewport
        What is seen.
    view : tuple of int
        Width and height of the widget.
    """
    x, columns = _visible(viewport.left_px, viewport.scale, view[0], image.shape[1])
    y, rows = _visible(viewport.top_px, viewport.scale, view[1], image.shape[0])
    if not len(rows) or not len(columns):
        return None
    return Patch(table.take(image.take(rows, axis=0).take(columns, axis=1)), x, y)


def _visible(start_px: float, scale: float, length: int, size: int) -> tuple[int, npt.NDArray[np.intp]]:
    """Return the first screen pixel that shows the image, and the image index of it and those after it."""
    indices = np.floor(start_px + (np.arange(length) + 0.5) / scale + 0.5).astype(np.intp)
    first, last = np.searchsorted(indices, (0, size))
    return int(first), indices[first:last]
