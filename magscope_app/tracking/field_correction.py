"""Dark frame and flat field: what the camera and the light add to every image, taken out of the ROIs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.field_kernels import correct_rois
from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.requests import contiguous, require_frames, require_rois
from magscope_app.tracking.tracker import Tracker
from magscope_app.tracking.tracks import Tracks, join_tracks

Frames = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Map = npt.NDArray[np.float32]

#: A pixel whose light is less than this share of the mean one's cannot be corrected.
_LEAST_LIGHT = 0.05
#: Variance of rounding to whole grey levels.
_ROUNDING_DN2 = 1 / 12
#: Corrected tiles of so many frames are held at a time.
_BYTES_AT_A_TIME = 1 << 24


class FieldCorrection:
    """Corrects ROIs: (pixel − dark) · (harmonic) mean light of the ROI / light of the pixel + mean dark.

    Only the ROIs are corrected, into one stack of them that the tracker then reads; the frames are left as
    they are. Grey levels keep their meaning, in each ROI: a Z-LUT of an even image fits, and an electron has
    as many grey levels as before, however dim the place of the bead. A pixel that the correction lifts to the
    camera's ceiling counts as saturated.

    Parameters
    ----------
    dark : ndarray or None, (height, width)
        Mean image without light.
    flat : ndarray or None, (height, width)
        Mean image of even light, with the same camera settings.

    Raises
    ------
    ValueError
        If the images have other shapes, hold what is no finite number, or have pixels without light.
    """

    def __init__(self, dark: npt.ArrayLike | None = None, flat: npt.ArrayLike | None = None) -> None:
        images = {
            name: np.asarray(given, np.float64)
            for name, given in (("dark frame", dark), ("flat field", flat))
            if given is not None
        }
        for name, image in images.items():
            if image.ndim != 2 or not np.isfinite(image).all():
                raise ValueError(
                    f"the {name} {image.shape} is not one image of finite numbers; average a stack into one"
                )
        if len({image.shape for image in images.values()}) > 1:
            raise ValueError(
                f"the dark frame is {_size(images['dark frame'].shape)}, the flat field "
                f"{_size(images['flat field'].shape)}; take both with the same camera ROI"
            )
        if not images:
            raise ValueError("neither a dark frame nor a flat field is given; give one, or do without")
        self.shape = next(iter(images.values())).shape
        zero = np.zeros(self.shape)
        self._dark = images.get("dark frame", zero).astype(np.float32)
        self._gain = _gain(images.get("flat field"), images.get("dark frame", zero))
        self._pedestal = float(self._dark.mean())

    @classmethod
    def load(cls, dark: Path | None = None, flat: Path | None = None) -> FieldCorrection:
        """Read the images from .npy or .tif files.

        Raises
        ------
        ValueError
            If a file is no such image; the text names it.
        OSError
            If a file cannot be read.
        """
        return cls(*(load_image(path) if path is not None else None for path in (dark, flat)))

    def why_not(self, width_px: int, height_px: int) -> str | None:
        """Say in one sentence why frames of this size cannot be corrected, or return None."""
        if self.shape == (height_px, width_px):
            return None
        return (
            f"dark frame and flat field are {_size(self.shape)}, the frames {width_px} x {height_px} px; "
            "take them with the same camera ROI"
        )

    def noise(self, noise: CameraNoise | None) -> CameraNoise | None:
        """Return the noise of corrected ROIs: they are rounded once more, and as bright as before."""
        if noise is None:
            return None
        read_e = math.sqrt(noise.read_noise_e**2 + _ROUNDING_DN2 / noise.gain_dn_per_e**2)
        return replace(noise, read_noise_e=read_e)

    def track(
        self,
        tracker: Tracker,
        frames: Frames,
        rois: npt.ArrayLike,
        bead_ids: npt.ArrayLike | None = None,
        profiles: bool = False,
        saturation_dn: int | None = None,
    ) -> Tracks:
        """Correct the ROIs and track them; as `Tracker.track`.

        Parameters
        ----------
        tracker : Tracker
            Made with the noise that `noise` returns.
        frames, rois, bead_ids, profiles
            As in `Tracker.track`.
        saturation_dn : int or None
            Grey level at which the camera clips; None: that of the tracker's noise, or the largest of the
            pixel type.
        """
        require_frames(frames)
        reason = self.why_not(frames.shape[2], frames.shape[1])
        if reason:
            raise ValueError(reason)
        corners = require_rois(rois, tracker.roi_px, frames.shape[2], frames.shape[1])
        tile = tracker.roi_px + 2 * tracker.margin_px
        at_a_time = max(1, _BYTES_AT_A_TIME // (max(1, len(corners)) * tile * tile * frames.itemsize))
        parts = [
            self._track(tracker, frames[at : at + at_a_time], corners, bead_ids, profiles, saturation_dn)
            for at in range(0, max(1, len(frames)), at_a_time)
        ]
        return parts[0] if len(parts) == 1 else join_tracks(parts)

    def tiles(
        self,
        frames: Frames,
        corners: npt.NDArray[np.int64],
        size: int,
        margin: int,
        limit: int,
        saturated: int,
    ) -> Frames:
        """Return corrected ROIs with a margin, one below the other.

        Parameters
        ----------
        frames : ndarray of uint8 or uint16, (n_frames, height, width)
            Of the shape that `why_not` allows.
        corners : ndarray of int64, (n_beads, 2)
            x0, y0 of ROIs inside the frames.
        size, margin : int
            Edge of a ROI, and how much more of the frame is wanted around it.
        limit, saturated : int
            A pixel that reaches `limit`, or that the correction lifts to `saturated`, becomes `saturated`.

        Returns
        -------
        ndarray, (n_frames, n_beads · tile, tile)
            Tiles of size + 2 · margin; what of them lies outside the frame was not written.
        """
        tile = size + 2 * margin
        view = contiguous(frames).view()
        view.flags.writeable = False
        stack = np.empty((len(frames), max(1, len(corners)) * tile, tile), frames.dtype)
        correct_rois(view, corners, margin, self._dark, self._gain, self._pedestal, limit, saturated, stack)
        return stack

    def _track(
        self,
        tracker: Tracker,
        frames: Frames,
        corners: npt.NDArray[np.int64],
        bead_ids: npt.ArrayLike | None,
        profiles: bool,
        saturation_dn: int | None,
    ) -> Tracks:
        """Correct and track so many frames that the corrected tiles of all ROIs fit into memory."""
        margin, size = tracker.margin_px, tracker.roi_px
        tile = size + 2 * margin
        saturated = tracker.ceiling(frames.dtype)
        limit = saturated if saturation_dn is None else min(saturation_dn, saturated)
        stack = self.tiles(frames, corners, size, margin, limit, saturated)
        # Where the tiles lie in the frame; what of them is outside it was not written.
        origins = corners - margin
        origins[:, 1] -= tile * np.arange(len(corners))
        ends = np.array([frames.shape[2], frames.shape[1]])
        first = np.maximum(corners - margin, 0) - origins
        last = np.minimum(corners + size + margin, ends) - origins
        return tracker.track_tiles(stack, origins, corners, np.hstack([first, last]), bead_ids, profiles)


def load_image(path: Path) -> npt.NDArray[np.float64]:
    """Read one image (.npy or .tif).

    Raises
    ------
    ValueError
        If it is no image; the text names the file.
    OSError
        If it cannot be read.
    """
    return read_image(path, path)


def read_image(source: Path | IO[bytes], path: Path) -> npt.NDArray[np.float64]:
    """Read the image `path` from a file or from its content; errors as of `load_image`."""
    if path.suffix.lower() == ".npy":
        try:
            return np.asarray(np.load(source, allow_pickle=False), np.float64)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path} is not an image in .npy form; average a stack again") from error
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile  # only whoever has such a file waits for it

        try:
            return np.asarray(tifffile.imread(source), np.float64)
        except tifffile.TiffFileError as error:
            raise ValueError(f"{path} is not a TIFF image ({error}); save it again") from error
    raise ValueError(f"{path} is no .npy or .tif file; save the image as one of them")


def mean_image(frames: Frames) -> Map:
    """Return the mean of a recorded stack (n, height, width), to be saved with ``numpy.save``."""
    if frames.ndim != 3 or not len(frames):
        raise ValueError(f"a stack (n, height, width) is needed, not {frames.shape}; record some frames")
    total = np.zeros(frames.shape[1:])
    for frame in frames:
        total += frame
    return (total / len(frames)).astype(np.float32)


def _gain(flat: npt.NDArray[np.float64] | None, dark: npt.NDArray[np.float64]) -> Map:
    if flat is None:
        return np.ones(dark.shape, np.float32)
    light = flat - dark
    too_dark = int((light <= _LEAST_LIGHT * light.mean()).sum()) if light.mean() > 0 else light.size
    if too_dark:
        raise ValueError(
            f"{too_dark} pixels of the flat field have hardly any light; take it without beads, with the "
            "lamp on, or close the camera ROI around the lit part"
        )
    return np.asarray(light.mean() / light, np.float32)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} px"
