"""The noise in blocks of a few frames, motion and flicker taken out; part of `noise_estimate`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Image = npt.NDArray[np.generic]

BLOCK = 8
#: A block that moved further between two frames is left out: the slope does not explain that.
_MOST_SHIFT_PX = 0.4
_MOST_BLOCKS = 6000


@dataclass(frozen=True, slots=True)
class Blocks:
    """Noise in the difference of two frames.

    Attributes
    ----------
    near : ndarray of float64, (n_blocks, 64)
        Mean grey level of a pixel's eight neighbours, whose noise is not the pixel's.
    level : ndarray of float64, (n_blocks, 64)
        Grey level whose noise `squared` is expected to have: the pixel's own, and a little of the block's.
    squared : ndarray of float64, (n_blocks, 64)
        Estimate of the variance of one frame's noise, from this pixel alone.
    neighbours : ndarray of float64, (2, n_sound_blocks)
        Correlation of the noise of pixels adjacent along rows, along columns.
    """

    near: FloatArray
    level: FloatArray
    squared: FloatArray
    neighbours: FloatArray


def pair_blocks(first: Image, second: Image, ceiling: int) -> Blocks:
    """Return the noise in the difference of two frames."""
    images = np.stack([first, second]).astype(np.float64)
    own, near, q, rests = _rests(images, ceiling)
    leverage = (q**2).sum(axis=2)
    # A residual of a fit with leverage h has (1 − h) of the noise's variance; a difference has two noises.
    free = np.maximum(1 - leverage, 0.1)
    # The same sum of the pixels' variances as in the squared residual, with grey levels instead of them.
    mixed = np.einsum("bik,bkl,bil->bi", q, np.einsum("bjk,bj,bjl->bkl", q, own, q), q, optimize=True)
    level = ((1 - 2 * leverage) * own + mixed) / free
    squared = rests[0] ** 2 / (2 * free)
    return Blocks(near, level, squared, _neighbours(q, rests[0], 2 * squared.mean(axis=1)))


def frame_correlations(frames: npt.NDArray[np.generic], ceiling: int) -> FloatArray:
    """Return the correlation of the noise of successive ones of three frames, per block.

    Differences of successive frames have the correlation −1/2 if each frame's noise is its own.
    """
    _, _, _, (first, second) = _rests(frames.astype(np.float64), ceiling)
    norm = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    sound = norm > 0
    return np.asarray(1 + 2 * (first * second).sum(axis=1)[sound] / norm[sound])


def _rests(images: FloatArray, ceiling: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return own and neighbours' levels, the bases (n, 64, 4), and what they leave of the differences."""
    mean = images.mean(axis=0)
    around = mean.copy()
    height, width = mean.shape
    around[1:-1, 1:-1] = (
        sum(
            mean[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if dx or dy
        )
        / 8
    )
    whole = _blocks((images.max(axis=0) < ceiling) & (images.min(axis=0) > 0)).all(axis=1)
    chosen = np.flatnonzero(whole)[:: max(1, math.ceil(whole.sum() / _MOST_BLOCKS))]
    own, near = _blocks(mean)[chosen], _blocks(around)[chosen]
    differences = np.stack([_blocks(image)[chosen] for image in np.diff(images, axis=0)])
    slopes = [_blocks(np.asarray(slope))[chosen] for slope in np.gradient(mean)]
    bases = np.stack([np.ones_like(near), near - near.mean(axis=1, keepdims=True), *slopes], axis=2)
    q, r = np.linalg.qr(bases)
    # A block of one grey level has no slope along which it could have moved.
    sound = np.abs(np.diagonal(r, axis1=1, axis2=2)).min(axis=1, initial=np.inf) > 1e-6
    own, near, q, r, differences = own[sound], near[sound], q[sound], r[sound], differences[:, sound]
    parts = np.swapaxes(q, 1, 2) @ differences[..., None]
    shift_px = np.abs(np.linalg.solve(r, parts)[:, :, 2:, 0]).max(axis=(0, 2), initial=0)
    still = shift_px < _MOST_SHIFT_PX
    rests = differences - (q @ parts)[..., 0]
    return own[still], near[still], q[still], rests[:, still]


def _neighbours(q: FloatArray, rest: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the correlation of adjacent pixels' noise; taking the bases out has made it lower."""
    sound = variance > 0
    shape = (-1, BLOCK, BLOCK)
    noise = (rest[sound] / np.sqrt(variance[sound])[:, None]).reshape(shape)
    basis = q[sound].reshape(*shape, q.shape[2])
    along_rows = (noise[:, :, 1:] * noise[:, :, :-1]).mean(axis=(1, 2))
    along_rows += (basis[:, :, 1:] * basis[:, :, :-1]).sum(axis=3).mean(axis=(1, 2))
    along_columns = (noise[:, 1:] * noise[:, :-1]).mean(axis=(1, 2))
    along_columns += (basis[:, 1:] * basis[:, :-1]).sum(axis=3).mean(axis=(1, 2))
    return np.asarray(np.stack([along_rows, along_columns]))


def _blocks(image: npt.NDArray[np.generic]) -> FloatArray:
    """Return an image as blocks (n, 64), without the border that has no slope or fills no block."""
    rows, columns = ((size - 2) // BLOCK for size in image.shape)
    inner = image[1 : 1 + rows * BLOCK, 1 : 1 + columns * BLOCK]
    cut = inner.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    return np.asarray(cut.reshape(-1, BLOCK * BLOCK), np.float64)
