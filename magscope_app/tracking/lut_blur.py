"""What the sampling of a profile does to a bead's image, and how it is undone.

A table of profiles holds means over circles or bins, not the grey levels of pixels. Bilinear interpolation
at a place anywhere between four pixels averages them as a product of two triangles 2 px wide does; a nearest
bin averages the pixels of a ring 1 px wide. Fits compare pixels with the model, so that a model of blurred
rings would be wrong in z.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.lut_splines import evaluate

FloatArray = npt.NDArray[np.float64]
Sampling = Literal["bilinear", "bins"]

#: Knots beyond the last radius, of which the blur brings light in.
_BEYOND = 2
#: Points per axis of the triangles or of a ring, and angles in a quadrant.
_POINTS, _ANGLES = 8, 12
#: Third differences of the coefficients count so much against the table's values: what the sampling has wiped
#: out is not brought back out of noise.
_SMOOTHNESS = 1e-4


def unblurred(profiles: FloatArray, r_step_px: float, sampling: Sampling) -> FloatArray:
    """Return what pixels show, as spline coefficients along r.

    Parameters
    ----------
    profiles : ndarray, (n_planes, n_radii)
        Means at the radii 0, 1, 2 … times `r_step_px`.
    r_step_px : float
        Spacing of the radii, and of the spline's knots.
    sampling : str
        "bilinear": circles through interpolated pixels. "bins": means of the pixels nearest to each radius.

    Returns
    -------
    ndarray of float64, (n_radii + 2, n_planes)
        Coefficients of cubic B-splines; coefficient k belongs to the one whose middle is at radius k − 1.
    """
    n = profiles.shape[1]
    matrix = np.stack([_mean(radius * r_step_px, sampling, n, r_step_px) for radius in range(n)])
    n_coefs = matrix.shape[1]
    bends = np.diff(np.eye(n_coefs), 3, axis=0)
    # A function of the radius is even: its slope at r = 0 vanishes.
    even = np.zeros((1, n_coefs))
    even[0, 0], even[0, 2] = 1e3, -1e3
    rows = np.concatenate([matrix, np.sqrt(_SMOOTHNESS) * bends, even])
    values = np.zeros((len(rows), len(profiles)))
    values[:n] = profiles.T
    coefs = np.linalg.lstsq(rows, values, rcond=None)[0]
    return np.asarray(coefs[: n + 2])


def _mean(radius_px: float, sampling: Sampling, n_radii: int, r_step_px: float) -> FloatArray:
    """Return with which weights each coefficient adds to the profile at a radius."""
    if sampling == "bins":
        # The nearest of whole radii; pixels are met in proportion to their number.
        at = radius_px + (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
        distances = at[at > 0]
        weights = distances / distances.sum()
    else:
        aside = 2 * (np.arange(_POINTS) + 0.5) / _POINTS - 1
        triangle = 1 - np.abs(aside)
        turn = 0.5 * np.pi * (np.arange(_ANGLES) + 0.5) / _ANGLES
        x = radius_px * np.cos(turn)[:, None, None] + aside[:, None]
        y = radius_px * np.sin(turn)[:, None, None] + aside
        distances = np.hypot(x, y).ravel()
        weights = np.broadcast_to(triangle[:, None] * triangle, (*x.shape[:1], _POINTS, _POINTS)).ravel()
        weights = weights / weights.sum()
    basis = np.eye(n_radii + _BEYOND + 2)
    return np.asarray(weights @ evaluate(basis, np.minimum(distances / r_step_px, n_radii - 1 + _BEYOND)))
