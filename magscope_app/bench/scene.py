"""Frames full of beads, to be tracked as fast as the computer can."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.devices import FrameFormat
from magscope_app.tracking import ZLUT
from magscope_app.tracking.lut_model import LutModel
from magscope_app.tracking.noise import CameraNoise

#: Grey level of the background, and height of rings that no Z-LUT gives, as shares of the largest value.
_BACKGROUND, _CONTRAST = 0.45, 0.35
#: Electrons in a pixel of the largest value, and read noise, of a camera of which nothing is known.
_FULL_WELL_E, _READ_NOISE_E = 10_000.0, 5.0
#: Beads move around their places so far.
_SIGMA_PX, _SIGMA_NM = 0.3, 60.0
#: Part of a Z-LUT's range in which the places are.
_RANGE = 0.4
#: Beads that are drawn; the others look like them.
_DRAWN = 100
#: Bits of the images that a Z-LUT was made of, where it does not say.
_BITS = 8


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


def usual_noise(bits: int) -> CameraNoise:
    """Return the noise of a usual camera; a tracker must be told what it finds in the images."""
    full = (1 << bits) - 1
    return CameraNoise(full / _FULL_WELL_E, 0.0, _READ_NOISE_E, full)


def make_scene(
    n_beads: int,
    roi_px: int,
    form: FrameFormat,
    zlut: ZLUT | None,
    noise: CameraNoise | None = None,
    n_frames: int = 8,
) -> Scene:
    """Draw beads that move around their places.

    Parameters
    ----------
    n_beads, roi_px : int
        The ROIs lie side by side in a grid.
    form : FrameFormat
        Of the frames.
    zlut : ZLUT or None
        Gives the beads their looks at each z; without one they have rings that are alike at every z.
    noise : CameraNoise, optional
        Of the frames; `usual_noise` if not given.
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
    seen = noise or usual_noise(form.bits)
    rng = np.random.default_rng(1)
    full = (1 << form.bits) - 1
    index = np.arange(n_beads)
    corners = np.column_stack([index % columns, index // columns]).astype(np.int64) * roi_px
    draw = _Rings(roi_px, full) if zlut is None else _Looks(zlut, roi_px, full)
    drawn = [_images(draw, rng, roi_px, n_frames) for _ in range(min(n_beads, _DRAWN))]
    frames = np.empty((n_frames, form.height_px, form.width_px), form.dtype)
    for number, frame in enumerate(frames):
        level = np.full(frame.shape, draw.background)
        for bead, (x0, y0) in enumerate(corners):
            level[y0 : y0 + roi_px, x0 : x0 + roi_px] = drawn[bead % _DRAWN][number]
        frame[...] = np.clip(np.rint(level + _noise(level, seen, rng)), 0, full)
    return Scene(frames, corners)


Image = npt.NDArray[np.float64]


def _images(draw: _Rings | _Looks, rng: np.random.Generator, roi_px: int, n_frames: int) -> list[Image]:
    """Return one bead in all frames."""
    place_nm = rng.uniform(*draw.range_nm)
    middle = (roi_px - 1) / 2
    moves = rng.normal(0.0, (_SIGMA_PX, _SIGMA_PX, _SIGMA_NM), (n_frames, 3))
    return [draw(middle + x_px, middle + y_px, place_nm + z_nm) for x_px, y_px, z_nm in moves.tolist()]


def _noise(level: Image, noise: CameraNoise, rng: np.random.Generator) -> Image:
    light = np.clip(level - noise.offset_dn, 0.0, None)
    variance = noise.gain_dn_per_e * light + (noise.gain_dn_per_e * noise.read_noise_e) ** 2
    return rng.standard_normal(level.shape) * np.sqrt(variance)


class _Rings:
    """Draws rings that do not depend on z."""

    range_nm = 0.0, 0.0

    def __init__(self, roi_px: int, full: int) -> None:
        self._y, self._x = np.mgrid[:roi_px, :roi_px]
        self._decay_px = roi_px / 8
        self._height = _CONTRAST * full
        self.background = _BACKGROUND * full

    def __call__(self, x_px: float, y_px: float, _z_nm: float) -> Image:
        distance = np.hypot(self._x - x_px, self._y - y_px)
        rings: Image = np.cos(0.9 * distance) * np.exp(-distance / self._decay_px)
        return self.background + self._height * rings


class _Looks:
    """Draws what a Z-LUT says of a bead."""

    def __init__(self, zlut: ZLUT, roi_px: int, full: int) -> None:
        self._model = LutModel.of(zlut, roi_px)
        self._roi_px = roi_px
        ceiling = zlut.metadata.get("ceiling_dn")
        self._scale = full / (ceiling if isinstance(ceiling, int) else (1 << _BITS) - 1)
        low, high = self._model.z_low_nm, self._model.z_high_nm
        middle, reach = (low + high) / 2, _RANGE * (high - low) / 2
        self.range_nm = middle - reach, middle + reach
        self.background = self._scale * self._far(middle)

    def _far(self, z_nm: float) -> float:
        """Return the level where nothing is seen of the bead any more."""
        return float(self._model.profile(z_nm, [self._model.r_max_px])[0][0])

    def __call__(self, x_px: float, y_px: float, z_nm: float) -> Image:
        image = self._model.image(x_px, y_px, z_nm, self._roi_px)
        return self._scale * np.where(np.isnan(image), self._far(z_nm), image)
