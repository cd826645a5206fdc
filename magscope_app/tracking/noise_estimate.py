"""The camera's noise, measured: variance against grey level in a stack of frames.

The photon transfer method (Janesick, Photon Transfer, SPIE Press 2007) needs a scene that does not change.
Here beads may move: in blocks of 8 × 8 px a shift, a change of the light and an offset between two frames are
fitted and taken out before the rest is taken for noise. Pixels are sorted by the grey level of their
neighbours, whose noise is not theirs, and their own levels are averaged: an instrumental variable, which
bends no slope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.tracking.noise import CameraNoise
from magscope_app.tracking.noise_blocks import BLOCK, Blocks, frame_correlations, pair_blocks
from magscope_app.tracking.requests import require_frames, require_saturation_dn

Frames = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]

MIN_FRAMES = 8
#: A gain that is not known better than this is refused.
MOST_RELATIVE_ERROR = 0.1
_MOST_PAIRS = 32
#: Threes of successive frames in which their noise is compared.
_TRIPLES = 4
#: A camera's own pixels share a few per cent, …
_MOST_CORRELATION = 0.05
#: … and its frames nothing.
_MOST_CORRELATION_IN_TIME = 0.1
_N_LEVELS = 40
#: Of a block's 64 pixels four are spent on shift, light and offset.
_FREE = 60 / 64
_FEWEST_PER_LEVEL = 200
#: What is further out is motion that a shift of its block does not explain.
_CLIP_SIGMA = 4.0
#: The same for a whole block: 3.5 standard errors of the variance of 60 pixels.
_MOST_NOISE = 1 + 3.5 * math.sqrt(2 / 60)
_ROUNDS = 3
#: Variance of rounding to whole grey levels.
_ROUNDING_DN2 = 1 / 12
_LEAST_RANGE_SIGMA = 3.0
#: Dark frames have at most this share of the lit ones' grey level.
_MOST_DARK = 0.8
#: Share of black pixels in dark frames from which their noise is cut off.
_MOST_BLACK = 0.01
#: Pixels pile up at the highest grey level that more than a few odd ones reach if it has so many times more
#: of them than any of a few levels below, and more than this share of all.
_PILED_UP, _LEVELS_BELOW, _MOST_AT_TOP = 3.0, 5, 2e-4
#: Pixels of a frame that may be hot, or no picture at all.
_MOST_ODD = 4
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
    given = require_saturation_dn(saturation_dn)
    ceiling = int(np.iinfo(frames.dtype).max) if given is None else given
    _require_unclipped(frames[: 2 * _MOST_PAIRS], ceiling)
    levels, variances, errors = _curve(_pairs(frames, ceiling))
    if float(np.median(variances)) < _LEAST_SIGMA_DN**2:
        raise ValueError(
            f"the noise of the frames is below {_LEAST_SIGMA_DN} grey levels, lost in rounding: raise the "
            "camera's gain or bit depth, and make sure that the frames are not copies of one"
        )
    if dark is not None:
        offset, read_dn2, read_error_dn2 = _dark(frames, dark)
        light = levels - offset
        gain, gain_error = _fit_through(light, variances - read_dn2 - _ROUNDING_DN2, errors)
        gain_error = math.hypot(gain_error, read_error_dn2 / float(np.median(light)))
        _require_known(gain, gain_error, levels)
        read = math.sqrt(read_dn2) / gain
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
    if len(frames) < MIN_FRAMES or min(frames.shape[1:]) < 2 * BLOCK:
        raise ValueError(
            f"{name}: {frames.shape} is too little to measure noise; give {MIN_FRAMES} frames of "
            f"{2 * BLOCK} px and more"
        )


def _require_unclipped(frames: Frames, ceiling: int) -> None:
    """Raise ValueError if pixels pile up at the highest level of the frames, below the ceiling."""
    counts = np.bincount(frames.ravel())
    levels = np.flatnonzero(counts)
    seen = counts[levels]
    # A few pixels may lie above all others, or anywhere: hot ones, or a frame's number written into it.
    few = max(_MOST_AT_TOP * frames.size, _MOST_ODD * len(frames))
    above = np.cumsum(seen[::-1])[::-1]
    at = int(np.flatnonzero(above > few)[-1])
    top = int(levels[at])
    if top >= ceiling or at == 0:
        return
    # Noise has fewer and fewer pixels towards its highest level.
    piled_up = seen[at] > _PILED_UP * seen[max(at - _LEVELS_BELOW, 0) : at].max()
    if piled_up and seen[at] > few:
        raise ValueError(
            f"{100 * seen[at] / frames.size:.2g} % of the pixels are exactly {top}, and hardly one is "
            f"brighter: the camera clips there, which hides noise; give saturation_dn = {top}, or lower the "
            "light"
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


def _pairs(frames: Frames, ceiling: int) -> list[Blocks]:
    """Return the noise in pairs of frames; raise ValueError if there is none, or if frames were smoothed."""
    numbers = range(0, min(len(frames) - 1, 2 * _MOST_PAIRS), 2)
    pairs = [pair_blocks(frames[i], frames[i + 1], ceiling) for i in numbers]
    if sum(pair.level.size for pair in pairs) < 2 * _FEWEST_PER_LEVEL:
        raise ValueError(
            "hardly a pixel of the frames is neither black nor saturated; lower the light or the exposure"
        )
    space = np.concatenate([pair.neighbours for pair in pairs], axis=1)
    if space.size and (correlation := float(np.median(space, axis=1).max())) > _MOST_CORRELATION:
        raise ValueError(
            f"neighbouring pixels share their noise (correlation {correlation:.2f}): the frames were "
            "smoothed, resampled or compressed; record raw frames"
        )
    few = np.linspace(0, len(frames) - 3, _TRIPLES).astype(int)
    time = np.concatenate([frame_correlations(frames[i : i + 3], ceiling) for i in few])
    if time.size and (correlation := float(np.median(time))) > _MOST_CORRELATION_IN_TIME:
        raise ValueError(
            f"successive frames share their noise (correlation {correlation:.2f}): they are running means; "
            "switch averaging and noise reduction of the camera off"
        )
    return pairs


def _curve(pairs: list[Blocks]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return grey levels, variances there and their standard errors, without blocks that moved."""
    near, level, squared = (
        np.concatenate([getattr(pair, name) for pair in pairs]) for name in ("near", "level", "squared")
    )
    low, high = np.quantile(near, (0.0005, 0.9995))
    number = np.clip((near - low) / max(high - low, 1e-9) * _N_LEVELS, 0, _N_LEVELS - 1).astype(np.int64)
    whole = np.ones(len(level), np.bool_)
    for _ in range(_ROUNDS):
        points = [
            _one_level(level[whole][chosen], squared[whole][chosen])
            for chosen in (number[whole] == i for i in range(_N_LEVELS))
            if chosen.sum() >= _FEWEST_PER_LEVEL
        ]
        if not points:
            raise ValueError("the scene moves too much to tell noise from motion; record one at rest")
        levels, variances, counts = np.array(points, np.float64).T
        # The error of a variance is a share of the true one: one of the measured one would favour low values.
        line = np.polyfit(levels, variances, min(1, len(levels) - 1), w=np.sqrt(counts))
        least = max(0.2 * float(np.median(variances)), 1e-9)
        errors = np.maximum(np.polyval(line, levels), least) * np.sqrt(2 / (_FREE * counts))
        slope, at_zero, _ = _fit_line(levels, variances, errors)
        expected = np.maximum(level * slope + at_zero, least) if len(levels) > 2 else variances.mean()
        whole = (squared / np.maximum(expected, 1e-9)).mean(axis=1) <= _MOST_NOISE
    return levels, variances, errors


def _one_level(level: FloatArray, squared: FloatArray) -> tuple[float, float, int]:
    """Return mean level and variance without outliers, and how many pixels they are of."""
    kept = np.ones(len(squared), np.bool_)
    for _ in range(5):
        outside = squared > _CLIP_SIGMA**2 * squared[kept].mean()
        if not (outside & kept).any():
            break
        kept &= ~outside
    return float(level[kept].mean()), float(squared[kept].mean()), int(kept.sum())


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
    scale = max(1.0, 1.4826 * float(np.median(np.abs(ratios - slope) * np.sqrt(weights))))
    return slope, 1.25 * scale / math.sqrt(weights.sum())


def _dark(frames: Frames, dark: Frames) -> tuple[float, float, float]:
    """Return mean grey level, variance of the read noise and its error, of frames without light."""
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
    black = float((few == 0).mean())
    if black > _MOST_BLACK:
        raise ValueError(
            f"{100 * black:.0f} % of the dark frames' pixels are 0, which hides their noise; raise the "
            "camera's black level (offset), or measure without dark frames"
        )
    variance = float(few.var(axis=0, ddof=1).mean())
    read_dn2 = max(variance - _ROUNDING_DN2, 0.0)
    # First harmonic of what rounding does to noise of less than a grey level (Widrow and Kollar 2008).
    harmonic = (1 / math.pi**2 + 4 * read_dn2) * math.exp(-2 * math.pi**2 * read_dn2)
    return offset, read_dn2, harmonic / math.sqrt(2)
