"""Cubic splines for Z-LUTs: coefficients, resampling, and smoothing whose strength the data choose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.natural_splines import spline_slopes

FloatArray = npt.NDArray[np.float64]

#: Strengths of smoothing along z that are compared; below the first, values are left as they are.
_STRENGTHS = 10.0 ** np.arange(-2.0, 4.1, 0.5)
#: So many steps of strength below the chosen one are used for profiles.
_WEAKER = 2
#: Widths (px) of the Gaussian filters that are compared for 2-D templates; 0 leaves them as they are.
_WIDTHS_PX = (0.0, 0.45, 0.6, 0.8, 1.0, 1.3)


def coefficients(values: FloatArray, even: bool = False) -> FloatArray:
    """Return the cubic B-spline coefficients (n + 2, …) of the spline through values (n, …) one step apart.

    Coefficient k belongs to the B-spline whose middle is at value k − 1. The ends are "not a knot"; with
    `even` the slope at the first value is 0, as for a function of the radius.
    """
    n = len(values)
    matrix = np.zeros((n + 2, n + 2))
    inside = np.arange(n)
    for offset, weight in enumerate((1 / 6, 4 / 6, 1 / 6)):
        matrix[inside + 1, inside + offset] = weight
    matrix[0, :5] = matrix[-1, -5:] = (1, -4, 6, -4, 1)
    if even:
        matrix[0, :5] = (-1, 0, 1, 0, 0)
    right = np.zeros((n + 2, *values.shape[1:]))
    right[1:-1] = values
    return np.asarray(np.linalg.solve(matrix, right.reshape(n + 2, -1)).reshape(right.shape))


def evaluate(coefs: FloatArray, at: FloatArray) -> FloatArray:
    """Return the spline with coefficients (n + 2, …) at the steps `at` (m,), 0..n − 1."""
    below = np.clip(np.floor(at).astype(np.int64), 0, len(coefs) - 4)
    t = at - below
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (1 - t) ** 3 - 6 * (1 - t) ** 2 + 4, t**3)
    shape = (-1,) + (1,) * (coefs.ndim - 1)
    return np.asarray(
        sum((w / 6).reshape(shape) * coefs[below + k] for k, w in enumerate(weights)), np.float64
    )


def resample(z: FloatArray, values: FloatArray, new_z: FloatArray) -> FloatArray:
    """Return the natural cubic spline through values (n, m) at uneven z (n,), at new_z (k,)."""
    slopes = spline_slopes(z, values)
    lower = np.clip(np.searchsorted(z, new_z, side="right") - 1, 0, len(z) - 2)
    width = np.diff(z)[lower][:, None]
    t = (new_z - z[lower])[:, None] / width
    return np.asarray(
        (1 + 2 * t) * (1 - t) ** 2 * values[lower]
        + t * (1 - t) ** 2 * width * slopes[lower]
        + t * t * (3 - 2 * t) * values[lower + 1]
        + t * t * (t - 1) * width * slopes[lower + 1]
    )


def smooth_along_z(
    z: FloatArray, counts: FloatArray, values: FloatArray, level: FloatArray | None = None
) -> tuple[FloatArray, float]:
    """Smooth values (n, m) over the planes, as much as leave-one-plane-out cross-validation asks for.

    Penalised least squares on third differences (Whittaker 1923; Eilers, Anal. Chem. 75, 3631 (2003)).

    Parameters
    ----------
    z, counts : ndarray of float64, (n,)
        Where the planes lie, and how many images each is the mean of.
    values : ndarray of float64, (n, m)
        What is smoothed.
    level : ndarray of float64, (m,), or None
        What a background of 1 adds to profiles; None if the values are no profiles. Whoever compares
        profiles leaves brightness and background free, so that an error of these is none: light that changed
        from plane to plane must not pass for noise. And bent rings shift z where noise is only stated, so
        that a tenth of the strength is taken: it leaves half as much noise again, and a tenth of the bending.

    Returns
    -------
    matrix : ndarray of float64, (n, n)
        What `values` are to be multiplied with; the identity where smoothing does not help.
    noise_left : float
        Share of the values' noise variance that remains.
    """
    n = len(z)
    root = np.sqrt(counts / counts.mean())
    penalty = _third_differences(z) / root
    # One decomposition serves all strengths: smoothing damps each of its components by itself.
    powers, vectors = np.linalg.eigh(penalty.T @ penalty)
    scaled = root[:, None] * values
    components = vectors.T @ scaled
    scores = []
    for strength in _STRENGTHS:
        damping = 1 / (1 + strength * np.maximum(powers, 0.0))
        rest = vectors @ ((1 - damping)[:, None] * components)
        rest /= (1 - vectors**2 @ damping)[:, None]
        scores.append(
            float(((rest if level is None else _beside_light(rest, scaled - rest, level)) ** 2).sum())
        )
    index = int(np.argmin(scores))
    if level is not None and index > 0:
        index = max(index - _WEAKER, 1)
    damping = 1 / (1 + _STRENGTHS[index] * np.maximum(powers, 0.0))
    best = np.eye(n) if index == 0 else (vectors * damping) @ vectors.T * root / root[:, None]
    return best, float((best**2).sum() / n)


def _beside_light(rest: FloatArray, predicted: FloatArray, level: FloatArray) -> FloatArray:
    """Return rests (n, m) without what another background and brightness of the predicted would explain."""
    unit = level / np.sqrt(level @ level)
    rest = rest - np.outer(rest @ unit, unit)
    rings = predicted - np.outer(predicted @ unit, unit)
    power = np.maximum((rings**2).sum(axis=1), np.finfo(np.float64).tiny)
    return np.asarray(rest - ((rest * rings).sum(axis=1) / power)[:, None] * rings)


def steady_light(z: FloatArray, profiles: FloatArray) -> FloatArray:
    """Return what to multiply the planes' profiles (n, m) with, so that their light does not jump.

    A lamp that flickers makes whole planes brighter, while what a bead does to the light, summed over its
    rings, hardly changes from plane to plane. Only jumps are taken out: what is slow along z stays.
    """
    radii = np.arange(profiles.shape[1], dtype=np.float64)
    light = profiles @ radii / radii.sum()
    if not light.min() > 0:
        return np.ones(len(z))
    third = _third_differences(z)
    return np.asarray(np.linalg.solve(np.eye(len(z)) + third.T @ third, light) / light)


def noise_beside(matrix: FloatArray, values: FloatArray, level: FloatArray) -> float:
    """Return the noise variance of profiles (n, m) from what smoothing them by `matrix` leaves over.

    0 where nothing was smoothed: noise was too small to be seen. `level` as in `smooth_along_z`.
    """
    freedom = len(matrix) - 2 * float(np.trace(matrix)) + float((matrix**2).sum())
    if freedom < 1e-6 * len(matrix):
        return 0.0
    smooth = matrix @ values
    rest = _beside_light(values - smooth, smooth, level)
    return float((rest**2).sum() / (freedom * max(values.shape[1] - 2, 1)))


def _third_differences(z: FloatArray) -> FloatArray:
    """Return the third divided differences (n − 3, n), scaled to (−1, 3, −3, 1) for even planes."""
    n = len(z)
    u = z / np.diff(z).mean()
    matrix = np.zeros((n - 3, n))
    for row in range(n - 3):
        at = u[row : row + 4]
        apart = at[:, None] - at[None, :] + np.eye(4)
        matrix[row, row : row + 4] = 6 / apart.prod(axis=1)
    return matrix


def smooth_in_plane(images: FloatArray) -> tuple[FloatArray, float]:
    """Choose a Gaussian filter for images (n, size, size) by leave-one-pixel-out cross-validation.

    Returns
    -------
    matrix : ndarray of float64, (size, size)
        The filter along either axis; the identity where it does not help.
    noise_left : float
        Share of the noise variance that remains.
    """
    size = images.shape[1]
    best, least = np.eye(size), np.inf
    # A single pixel, the template of a bead that has none, has no neighbours to be smoothed with.
    for width in _WIDTHS_PX if size > 1 else (0.0,):
        matrix = _gaussian(size, width)
        own = np.multiply.outer(np.diag(matrix), np.diag(matrix))
        # Without a filter a pixel that is left out is predicted by its four neighbours.
        smooth = matrix @ images @ matrix.T if width else _neighbours(images)
        score = float((((images - smooth) / (1 - own * (width > 0))) ** 2).mean())
        if score < least:
            best, least = matrix, score
    return best, float((best**2).sum() / size) ** 2


def _gaussian(size: int, width: float) -> FloatArray:
    if width == 0:
        return np.eye(size)
    apart = np.subtract.outer(np.arange(size), np.arange(size))
    matrix = np.exp(-0.5 * (apart / width) ** 2)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def _neighbours(images: FloatArray) -> FloatArray:
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    crosses = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] + padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    return np.asarray(crosses / 4)
