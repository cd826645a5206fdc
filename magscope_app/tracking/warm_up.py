"""Compilation of every kernel before it is needed, so that a later process only loads the cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from magscope_app.tracking.field_correction import FieldCorrection
from magscope_app.tracking.finding import find_beads
from magscope_app.tracking.lut_shape_fit import bead_shape
from magscope_app.tracking.tracker import Tracker
from magscope_app.tracking.zlut import MIN_PLANES, ZLUT

_ROI_PX = 16


def compile_kernels(progress: Callable[[str, float], None] | None = None) -> None:
    """Compile or load all kernels of this package for uint8 and uint16 frames.

    Parameters
    ----------
    progress : callable or None
        Called with what comes next and the share 0..1 that is done; last with 1.0.
    """
    tell = progress or _tell_nobody
    zlut = ZLUT(np.arange(float(MIN_PLANES)), np.eye(MIN_PLANES, _ROI_PX // 2))
    for done, pixel in enumerate((np.uint8, np.uint16)):
        tell(f"tracking, {np.dtype(pixel).name}", done / 3)
        with Tracker(_ROI_PX, zlut, method="full") as tracker:
            tracker.track(np.zeros((1, _ROI_PX, _ROI_PX), pixel), [[0, 0]], profiles=True)
            field = FieldCorrection(dark=np.zeros((_ROI_PX, _ROI_PX)))
            field.track(tracker, np.zeros((1, _ROI_PX, _ROI_PX), pixel), [[0, 0]], profiles=True)
        bead_shape(np.eye(_ROI_PX, dtype=pixel)[None, None], np.full((1, 1, 2), _ROI_PX / 2), 255.0)
    tell("bead finding", 2 / 3)
    blank = np.zeros((2 * _ROI_PX, 2 * _ROI_PX), np.uint8)
    find_beads(blank, _ROI_PX)
    find_beads(blank.astype(np.uint16), _ROI_PX)
    tell("done", 1.0)


def _tell_nobody(_what: str, _share: float) -> None:
    """Report nothing."""
