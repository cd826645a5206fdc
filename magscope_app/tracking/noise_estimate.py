"""The camera's noise, measured: variance against grey level in a stack of frames.

The photon transfer method (Janesick, Photon Transfer, SPIE Press 2007) needs a scene that does not change.
Here beads may move: in blocks of 8 × 8 px a shift, a change of the light and an offset between two frames are
fitted and taken out before the rest is taken for noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.requests import require_frames

Frames = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]

MIN_FRAMES = 8
#: A gain that is not known better than this is refused.
MOST_RELATIVE_ERROR = 0.1
_BLOCK = 8
#: A block that moved further between two frames is left out: the slope does not explain that.
_MOST_SHIFT_PX = 0.4
_MOST_PAIRS = 32
_MOST_BLOCKS = 6000
_N_LEVELS = 40
_FEWEST_PER_LEVEL = 200
#: What is further out is motion that a shift of its block does not explain.
_CLIP_SIGMA = 4.0
#: Variance of rounding to whole grey levels.
_ROUNDING_DN2 = 1 / 12
_LEAST_RANGE_SIGMA = 3.0
#: Dark frames have at most this share of the lit ones' grey level.
_MOST_DARK = 0.8
#: Noise below this many grey levels is lost in rounding.
_LEAST_SIGMA_DN = 0.35


@dataclass(frozen=True, slots=True)
class NoiseEstimate:
    """Result of `estimate_noise`.

    Attributes
    ----------
    noise : CameraNoise
        Gain, offset and read noise.
    gain_error_dn_per_e : float
        Standard error of the gain.
    levels_dn, variances_dn2, errors_dn2 : ndarray of float64, (n_levels,)
        What the gain was fitted to: grey levels, the variance of a pixel there, and its standard error.
    """

    noise: CameraNoise
    gain_error_dn_per_e: float
    levels_dn: FloatArray
    variances_dn2: FloatArray
    errors_dn2: FloatArray


def estimate_noise(
    frames: Frames, dark: Frames | None = None, saturation_dn: int | None = None
) -> NoiseEstimate:
    """Measure gain, offset and read noise of a camera from frames of a lit scene.

    Beads may be in it and may move by less than about half of their rings' spacing from frame to frame; the
    light may flicker. Pixels that are saturated or 0 in a frame do not count.

    Without dark frames offset and read noise cannot be told apart. Their joint effect on the variance is
    measured and given as whichever of the two has its sign: it is the same for the tracker.

    Parameters
    ----------
    frames : ndarray of uint8 or uint16, (n, height, width)
        At least 8 consecutive frames; those before the 64th count.
    dark : ndarray or None, (m, height, width)
        At least 8 frames of the same type without light.
    saturation_dn : int or None
        Grey level at which the camera clips; None: the largest of the pixel type.

    Raises
    ------
    ValueError
        If the stack cannot tell; the text says why and what to do.
    """
    _require(frames, "frames")
    ceiling = int(np.iinfo(frames.dtype).max) if saturation_dn is None else saturation_dn
    levels, variances, errors = _curve(frames, ceiling)
    if float(np.median(variances)) < _LEAST_SIGMA_DN**2:
        raise ValueError(
            f"the noise of the frames is below {_LEAST_SIGMA_DN} grey levels, lost in rounding: raise the "
            "camera's gain or bit depth, and make sure that the frames are not copies of one"
        )
    if dark is not None:
        offset, dark_variance = _dark(frames, dark)
        gain, gain_error = _fit_through(levels - offset, variances - dark_variance, errors)
        _require_known(gain, gain_error, levels)
        read = math.sqrt(max(dark_variance - _ROUNDING_DN2, 0.0)) / gain
        noise = CameraNoise(gain, offset, read, saturation_dn)
        return NoiseEstimate(noise, gain_error, levels, variances, errors)
    if levels[-1] - levels[0] < _LEAST_RANGE_SIGMA * math.sqrt(float(np.median(variances))):
        # The grey levels differ by noise alone, and regress to their mean.
        raise ValueError(
            f"the grey levels range from {levels[0]:.0f} to {levels[-1]:.0f} only, which is noise; give a "
            "scene with dark and bright parts (beads in focus), or dark frames"
        )
    gain, at_zero, gain_error = _fit_line(levels, variances, errors)
    _require_known(gain, gain_error, levels)
    rest = at_zero - _ROUNDING_DN2
    noise = CameraNoise(gain, max(-rest / gain, 0.0), math.sqrt(max(rest, 0.0)) / gain, saturation_dn)
    return NoiseEstimate(noise, gain_error, levels, variances, errors)


def _require(frames: Frames, name: str) -> None:
    require_frames(frames)
    if len(frames) < MIN_FRAMES or min(frames.shape[1:]) < 2 * _BLOCK:
        raise ValueError(
            f"{name}: {frames.shape} is too little to measure noise; give {MIN_FRAMES} frames of "
            f"{2 * _BLOCK} px and more"
        )


def _require_known(gain: float, gain_error: float, levels: FloatArray) -> None:
    """Raise ValueError if the gain is not known well enough to be used."""
    if not gain > 0:
        raise ValueError(
            "the noise does not rise with the light: the frames were smoothed or compressed, or lie at the "
            "camera's ceiling; record raw frames at half of the grey range"
        )
    if gain_error > MOST_RELATIVE_ERROR * gain:
        raise ValueError(
            f"the gain is {gain:.3g} ± {gain_error:.2g} DN per electron, too uncertain to use: the grey "
            f"levels range from {levels[0]:.0f} to {levels[-1]:.0f} only; give more frames, a scene with "
            "dark and bright parts (beads in focus), or dark frames"
        )


def _curve(frames: Frames, ceiling: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return grey levels, variances there and their standard errors."""
    pairs = [
        _one_pair(frames[2 * i], frames[2 * i + 1], ceiling)
        for i in range(min(len(frames) // 2, _MOST_PAIRS))
    ]
    level = np.concatenate([pair[0] for pair in pairs])
    squared = np.concatenate([pair[1] for pair in pairs])
    if len(level) < 2 * _FEWEST_PER_LEVEL:
        raise ValueError(
            "hardly a pixel of the frames is neither black nor saturated; lower the light or the exposure"
        )
    low, high = np.quantile(level, (0.0005, 0.9995))
    number = np.clip((level - low) / max(high - low, 1e-9) * _N_LEVELS, 0, _N_LEVELS - 1).astype(np.int64)
    points = [
        _one_level(level[chosen], squared[chosen])
        for chosen in (number == i for i in range(_N_LEVELS))
        if chosen.sum() >= _FEWEST_PER_LEVEL
    ]
    levels, variances, counts = np.array(points, np.float64).T
    # The error of a variance is a share of the true one: a share of the measured one would favour low values.
    expected = np.polyval(np.polyfit(levels, variances, min(1, len(levels) - 1), w=np.sqrt(counts)), levels)
    errors = np.maximum(expected, 0.2 * float(np.median(variances))) * np.sqrt(2 / counts)
    return levels, variances, errors


def _one_pair(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], ceiling: int) -> FloatArray:
    """Return level and squared noise (2, n) of the pixels of two frames, motion and flicker taken out."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    mean = (a + b) / 2
    smooth = mean.copy()
    smooth[1:-1, 1:-1] = (
        sum(
            mean[1 + dy : mean.shape[0] - 1 + dy, 1 + dx : mean.shape[1] - 1 + dx]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        )
        / 9
    )
    usable = (np.maximum(a, b) < ceiling) & (np.minimum(a, b) > 0)
    blocks = [_blocks(image) for image in (a - b, np.ones_like(a), smooth, usable)]
    blocks += [_blocks(np.asarray(slope)) for slope in np.gradient(mean)]
    whole = blocks[3].all(axis=1)
    if not whole.any():
        return np.empty((2, 0))
    chosen = np.flatnonzero(whole)[:: max(1, math.ceil(whole.sum() / _MOST_BLOCKS))]
    difference, level = blocks[0][chosen], blocks[2][chosen]
    bases = np.stack([blocks[1][chosen], level - level.mean(axis=1, keepdims=True)], axis=2)
    bases = np.concatenate([bases, np.stack([blocks[4][chosen], blocks[5][chosen]], axis=2)], axis=2)
    q, r = np.linalg.qr(bases)
    # A block of one grey level has no slope along which it could have moved.
    sound = np.abs(np.diagonal(r, axis1=1, axis2=2)).min(axis=1) > 1e-6
    q, r, difference, level = q[sound], r[sound], difference[sound], level[sound]
    parts = np.swapaxes(q, 1, 2) @ difference[:, :, None]
    shift_px = np.abs(np.linalg.solve(r, parts)[:, 2:, 0]).max(axis=1, initial=0)
    still = shift_px < _MOST_SHIFT_PX
    q, parts, difference, level = q[still], parts[still], difference[still], level[still]
    rest = difference - (q @ parts)[:, :, 0]
    # A residual of a fit with leverage h has (1 − h) of the noise's variance; a difference has two noises.
    free = 1 - (q**2).sum(axis=2)
    return np.stack([level.ravel(), (rest**2 / np.maximum(2 * free, 0.2)).ravel()])


def _blocks(image: npt.NDArray[np.generic]) -> FloatArray:
    """Return an image as blocks (n, 64), without the border that has no slope or fills no block."""
    rows, columns = ((size - 2) // _BLOCK for size in image.shape)
    inner = image[1 : 1 + rows * _BLOCK, 1 : 1 + columns * _BLOCK]
    cut = inner.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    return np.asarray(cut.reshape(-1, _BLOCK * _BLOCK), np.float64)


def _one_level(level: FloatArray, squared: FloatArray) -> tuple[float, float, int]:
    """Return mean level, variance without outliers, and how many pixels it is of."""
    kept = squared
    for _ in range(5):
        limit = _CLIP_SIGMA**2 * kept.mean()
        if not (kept > limit).any():
            break
        kept = kept[kept <= limit]
    return float(level.mean()), float(kept.mean()), len(kept)


def _fit_line(levels: FloatArray, variances: FloatArray, errors: FloatArray) -> tuple[float, float, float]:
    """Return slope, variance at level 0 and the slope's error, outliers counting less (Huber's weights)."""
    if len(levels) < 3:
        return 1.0, 0.0, math.inf
    design = np.column_stack([levels, np.ones(len(levels))])
    weights = 1 / errors
    factor = np.ones(len(levels))
    for _ in range(20):
        scaled = design * (weights * factor)[:, None]
        solution = np.linalg.lstsq(scaled, variances * weights * factor, rcond=None)[0]
        misfit = (variances - design @ solution) * weights
        scale = max(1.0, 1.4826 * float(np.median(np.abs(misfit))))
        factor = np.sqrt(np.minimum(1.0, 2 * scale / np.maximum(np.abs(misfit), 1e-9)))
    covariance = np.linalg.pinv(scaled.T @ scaled)
    return float(solution[0]), float(solution[1]), scale * math.sqrt(covariance[0, 0])


def _fit_through(levels: FloatArray, variances: FloatArray, errors: FloatArray) -> tuple[float, float]:
    """Return the slope of a line through the origin, and its error."""
    ratios, weights = variances / levels, (levels / errors) ** 2
    order = np.argsort(ratios)
    # The weighted median: moving beads can only raise the variance, and only at some levels.
    at = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    slope = float(ratios[order][min(at, len(order) - 1)])
    return slope, 1.25 / math.sqrt(weights.sum())


def _dark(frames: Frames, dark: Frames) -> tuple[float, float]:
    """Return mean grey level and variance of a pixel in time, of frames without light."""
    _require(dark, "dark")
    if dark.shape[1:] != frames.shape[1:] or dark.dtype != frames.dtype:
        raise ValueError(
            f"the dark frames are {dark.dtype} {dark.shape[1:]}, the lit ones {frames.dtype} "
            f"{frames.shape[1:]}; record both with the same settings"
        )
    few = dark[: 2 * _MOST_PAIRS].astype(np.float64)
    offset = float(few.mean())
    if offset > _MOST_DARK * float(np.median(frames[0])):
        raise ValueError(
            "the dark frames are as bright as the lit ones; cover the camera and record them again"
        )
    return offset, float(few.var(axis=0, ddof=1).mean())
