"""Frames full of beads, to be tracked as fast as the computer can."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.devices import FrameFormat
from magscope_app.tracking import ZLUT

#: Grey level of the background and height of the rings, as shares of the largest value.
_BACKGROUND, _CONTRAST = 0.45, 0.35
#: Beads move so far from one frame to the next.
_STEP_PX, _STEP_NM = 0.3, 60.0


@dataclass(frozen=True)
class Scene:
    """Frames and the ROIs in them.

    Attributes
    ----------
    frames : ndarray of uint8 or uint16, (n_frames, height, width)
    corners : ndarray of int, (n_beads, 2)
        x0, y0 of each ROI.
    """

    frames: npt.NDArray[Any]
    corners: npt.NDArray[np.int64]


def frame_edge_px(n_beads: int, roi_px: int) -> int:
    """Return the edge of the smallest square frame that holds so many ROIs side by side."""
    return roi_px * math.ceil(math.sqrt(n_beads))


def make_scene(n_beads: int, roi_px: int, form: FrameFormat, zlut: ZLUT | None, n_frames: int = 8) -> Scene:
    """Draw beads that move a little from frame to frame.

    Parameters
    ----------
    n_beads, roi_px : int
        The ROIs lie side by side in a grid.
    form : FrameFormat
        Of the frames.
    zlut : ZLUT or None
        Gives the beads their rings; without one they look alike at every z.
    n_frames : int
        How many frames.

    Raises
    ------
    ValueError
        The ROIs do not fit in the frame.
    """
    columns, rows = form.width_px // roi_px, form.height_px // roi_px
    if n_beads > columns * rows:
        raise ValueError(f"{n_beads} ROIs of {roi_px} px do not fit in {form.width_px} × {form.height_px} px")
    rng = np.random.default_rng(1)
    full = (1 << form.bits) - 1
    noise = rng.normal(_BACKGROUND, 0.01, (form.height_px, form.width_px))
    blank = np.clip(noise * full, 0, full).astype(form.dtype)
    frames = np.repeat(blank[None], n_frames, axis=0)
    index = np.arange(n_beads)
    corners = np.column_stack([index % columns, index // columns]).astype(np.int64) * roi_px
    draw = _Drawer(roi_px, zlut)
    for x0, y0 in corners:
        walk = np.cumsum(rng.normal(0.0, (_STEP_PX, _STEP_PX, _STEP_NM), (n_frames, 3)), axis=0)
        for frame, (x_px, y_px, z_nm) in zip(frames, walk, strict=True):
            roi = frame[y0 : y0 + roi_px, x0 : x0 + roi_px]
            rings = _CONTRAST * full * draw(float(x_px), float(y_px), float(z_nm))
            roi[...] = np.clip(roi + rings, 0, full).astype(roi.dtype)
    return Scene(frames, corners)


class _Drawer:
    """Draws the rings of one bead, about 0 and at most 1, around the middle of a ROI."""

    def __init__(self, roi_px: int, zlut: ZLUT | None) -> None:
        self._y, self._x = np.mgrid[:roi_px, :roi_px] - (roi_px - 1) / 2
        if zlut is None:
            radii = np.arange(roi_px, dtype=np.float64)
            profiles = (np.cos(radii * 0.9) * np.exp(-radii / (roi_px / 8)))[None]
            z_nm = np.zeros(1)
        else:
            radii = np.arange(zlut.n_radii, dtype=np.float64) * zlut.r_step_px
            profiles = zlut.profiles - zlut.profiles[:, -3:].mean()
            z_nm = zlut.z_nm - zlut.z_nm.mean()
        self._radii: npt.NDArray[Any] = radii
        self._z_nm: npt.NDArray[Any] = z_nm
        self._profiles = profiles / np.abs(profiles).max()

    def __call__(self, x_px: float, y_px: float, z_nm: float) -> npt.NDArray[np.float64]:
        plane = self._profiles[int(np.argmin(np.abs(self._z_nm - z_nm)))]
        distance = np.hypot(self._x - x_px, self._y - y_px)
        rings: npt.NDArray[np.float64] = np.interp(distance, self._radii, plane, right=0.0)
        return rings
