"""What replay plays: a sequence of frames that is read one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.devices import DeviceError, FrameFormat

#: Pixels as (y, x), uint8 or uint16.
Pixels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame of a recording.

    Attributes
    ----------
    pixels : ndarray of shape (height, width)
        May be a view of a file that is mapped into memory.
    metadata : mapping
        Where in the recording it comes from.
    t_ns : int, optional
        When it was taken, by the clock of the recording, in ns; None where that is not known.
    """

    pixels: Pixels
    metadata: Mapping[str, str] = field(default_factory=dict)
    t_ns: int | None = None


class FrameSource(ABC):
    """Frames of one size and depth, read while they are asked for and never all at once."""

    #: A still image is shown for ever.
    is_still: bool = False
    #: True where the frames say when they were taken.
    has_times: bool = False

    @property
    @abstractmethod
    def format(self) -> FrameFormat:
        """Size and depth of every frame, from the head of the first file."""

    @abstractmethod
    def frames(self) -> Iterator[RecordedFrame]:
        """Yield the frames from the first to the last. Raises DeviceError where one cannot be read."""

    @abstractmethod
    def close(self) -> None:
        """Close the files."""


def grey(pixels: Pixels, name: str) -> Pixels:
    """Return `pixels` as (height, width), colour as luma.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3 or 4)
        uint8 or uint16; a fourth channel (opacity) is ignored.
    name : str
        What the error calls the file.

    Returns
    -------
    ndarray of shape (height, width)
        0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded, in the type of `pixels`.

    Raises
    ------
    DeviceError
        Another type or shape.
    """
    if pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise DeviceError(f"{name} has pixels of type {pixels.dtype}; save it with 8 or 16 bits without sign")
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise DeviceError(f"{name} holds an array of shape {pixels.shape}; give grey or RGB images")
    # The weights add up to 2¹⁶, so that 16 bit just fit.
    weights = np.array([19595, 38470, 7471], np.uint32)
    luma = (pixels[..., :3].astype(np.uint32) @ weights + np.uint32(32768)) >> np.uint32(16)
    return luma.astype(pixels.dtype.newbyteorder("="))


def format_of(pixels: Pixels) -> FrameFormat:
    """Return the format of a grey frame; all bits of its type count as significant."""
    return FrameFormat(pixels.shape[1], pixels.shape[0], 8 * pixels.dtype.itemsize)
