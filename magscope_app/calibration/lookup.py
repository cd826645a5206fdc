"""The frames of one bead's sweep, looked up, and statistics of what is found."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from magscope_app.tracking import ZLUT, CameraNoise, Tracker, Tracks

#: Planes are taken together until their frames have so many degrees of freedom: the scatter within a plane of
#: two or three frames says little.
_FREEDOM = 4
FloatArray = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def track_images(images: Images, zlut: ZLUT | None, noise: CameraNoise | None) -> Tracks:
    """Track a bead in images (n_planes, n_per_plane, height, width) by a fit of all pixels.

    Without a Z-LUT only x and y are found, by quadrant interpolation.
    """
    height, width = images.shape[2:]
    roi_px = min(height, width)
    corner = np.array([[(width - roi_px) // 2, (height - roi_px) // 2]])
    with Tracker(roi_px, zlut, noise, method="qi" if zlut is None else "full") as tracker:
        return tracker.track(images.reshape(-1, height, width), corner)


def finite_share(values: FloatArray, images: Images) -> FloatArray:
    """Return in which share of each plane's frames a value is known."""
    share: FloatArray = np.isfinite(values[:, 0]).reshape(images.shape[:2]).mean(axis=1)
    return share


def mean_known(values: FloatArray) -> FloatArray:
    """Return the mean along the last axis of what is known, NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean: FloatArray = np.where(known, values, 0.0).sum(axis=1) / np.where(count, count, np.nan)
    return mean


def std_known(values: FloatArray) -> FloatArray:
    """Return the standard deviation along the last axis of what is known; NaN for fewer than two."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    squares = np.where(known, values - mean_known(values)[:, None], 0.0) ** 2
    std: FloatArray = np.sqrt(squares.sum(axis=1) / np.where(count > 1, count - 1, np.nan))
    return std


def median_known(values: FloatArray) -> float:
    """Return the median of what is known, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def usual_scatter(scatters: FloatArray, n_frames: int) -> float:
    """Return the scatter of a frame, from that within planes; a few planes that are far off do not matter.

    A standard deviation of few values is mostly too small, and its median as well. The variances of
    neighbouring planes are averaged, and of the averages the median is taken, divided by that of χ² / k with
    k degrees of freedom, (1 - 2 / 9k)³ (Wilson & Hilferty 1931).

    Parameters
    ----------
    scatters : ndarray of float64, (n_planes,)
        Standard deviation of each plane; NaN where it is not known.
    n_frames : int
        Frames of a plane.

    Returns
    -------
    float
        NaN where nothing is known.
    """
    known = np.square(scatters[np.isfinite(scatters)])
    if not len(known) or n_frames < 2:
        return math.nan
    together = min(len(known), -(-_FREEDOM // (n_frames - 1)))
    groups = np.array_split(known, len(known) // together)
    freedom = len(known) / len(groups) * (n_frames - 1)
    middle = float(np.median([np.mean(group) for group in groups]))
    return math.sqrt(middle / math.pow(1 - 2 / (9 * freedom), 3))
