"""Compilation of every kernel before it is needed, so that a later process only loads the cache.

In parts that take about equally long: a computer with several cores compiles them side by side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.field_correction import FieldCorrection
from magscope_app.tracking.finding import find_beads
from magscope_app.tracking.lut_shape_fit import bead_shape
from magscope_app.tracking.tracker import Tracker
from magscope_app.tracking.zlut import MIN_PLANES, ZLUT

_ROI_PX, _FRAME_PX = 24, 48
_Frames = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def compile_kernels() -> None:
    """Compile or load all kernels of this package for uint8 and uint16 frames."""
    compile_full_and_finding()
    compile_fast_8_bit()
    compile_fast_16_bit()


def compile_full_and_finding() -> None:
    """Compile or load what the methods "qi" and "full", Z-LUTs and bead finding need."""
    for frames in (_frames_8_bit(), _frames_16_bit()):
        _track("full", frames)
        bead_shape(frames[None], np.full((1, 1, 2), _FRAME_PX / 2), 255.0)
        find_beads(frames[0], _ROI_PX)


def compile_fast_8_bit() -> None:
    """Compile or load what the method "fast" needs for frames of uint8."""
    _track("fast", _frames_8_bit())


def compile_fast_16_bit() -> None:
    """Compile or load what the method "fast" needs for frames of uint16."""
    _track("fast", _frames_16_bit())


def _track(method: str, frames: _Frames) -> None:
    zlut = ZLUT(np.arange(float(MIN_PLANES)), np.eye(MIN_PLANES, _ROI_PX // 2))
    with Tracker(_ROI_PX, zlut, method=method) as tracker:
        tracker.track(frames, [[0, 0]], profiles=True)
        tracker.prepare()
        field = FieldCorrection(dark=np.zeros(frames.shape[1:]))
        field.track(tracker, frames, [[0, 0]], profiles=True)


def _frames_8_bit() -> npt.NDArray[np.uint8]:
    return np.eye(_FRAME_PX, dtype=np.uint8)[None]


def _frames_16_bit() -> npt.NDArray[np.uint16]:
    return np.eye(_FRAME_PX, dtype=np.uint16)[None]
