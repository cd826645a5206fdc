"""Many rectangles, lines or parts of a picture for one call of a painter, without a Python object each."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PyQt6 import sip
from PyQt6.QtCore import QLineF, QRectF
from PyQt6.QtGui import QPainter

FloatArray = npt.NDArray[np.float64]
_Shape = TypeVar("_Shape", QRectF, QLineF, QPainter.PixmapFragment)


def rectangles(values: FloatArray) -> sip.array[QRectF | None]:
    """Return rectangles from left, top, width and height (n, 4)."""
    return _filled(QRectF, values)


def lines(values: FloatArray) -> sip.array[QLineF | None]:
    """Return lines from x and y of their two ends (n, 4)."""
    return _filled(QLineF, values)


def fragments(
    places: FloatArray, sources: FloatArray, ratio: float
) -> sip.array[QPainter.PixmapFragment | None]:
    """Return parts of a picture and where they go.

    Parameters
    ----------
    places : ndarray (n, 2)
        Left and top of each part on the widget.
    sources : ndarray (n, 4)
        Left, top, width and height of each part in the picture's pixels.
    ratio : float
        Pixels of the picture per point of the widget.
    """
    values = np.zeros((len(places), 10))
    # Whole pixels of the screen: text between two pixels is blurred.
    values[:, :2] = np.round(places * ratio) / ratio + sources[:, 2:] / (2 * ratio)
    values[:, 2:6] = sources
    values[:, 6:8] = 1 / ratio
    values[:, 9] = 1.0
    return _filled(QPainter.PixmapFragment, values)


def _filled(kind: type[_Shape], values: FloatArray) -> sip.array[_Shape | None]:
    # The stubs of sip leave the constructor out.
    make: Any = sip.array
    made: sip.array[_Shape | None] = make(kind, len(values))
    if len(values):
        pointer: Any = sip.voidptr(made, values.size * values.itemsize)
        np.frombuffer(pointer, np.float64).reshape(values.shape)[:] = values
    return made
