"""The corner frequency of a bead in a trap, with its uncertainty, from the frames of a camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from magscope_app.analysis.samples import evenly_sampled
from magscope_app.analysis.trap import TrappedBead, seen_shape

FloatArray = npt.NDArray[np.float64]
#: Fewer values than this say nothing of a corner.
FEWEST_VALUES = 64
#: A corner is told that lies so many times above the lowest frequency: a walk without a trap seems to have a
#: lower one, in 1 of 100 traces.
_LOWEST = 5.0
#: Largest relative uncertainty of a corner that is told.
_WORST = 0.5
#: Twice the logarithm of the likelihood by which a bead must be better than white noise: two parameters more,
#: 1 of 1000.
_BETTER = 13.8
#: Above this part of the frame rate beads are hardly told from faster ones, nor from slower ones with noise:
#: the corner must be better known, and better by this than one at a higher part of the frame rate (three
#: standard deviations).
_FAST, _WORST_OF_FAST, _SLOWER, _FASTER = 0.05, 0.3, 9.0, 0.35
#: None is told above this part of the frame rate: there a bead three times as fast may look alike.
_HIGHEST = 0.2
#: Corners that are tried at first.
_TRIALS = 32
#: Frequencies that are kept apart; higher ones are averaged over stretches, so many per factor of ten.
_APART, _PER_DECADE = 20, 50
#: Share of the power at k times the lowest frequency that goes with a straight line: 3 / (π k)².
_IN_LINE = 3 / math.pi**2
#: Of the logarithm of the corner, for derivatives.
_STEP = 1e-3
_MOST_ROUNDS = 40
#: Frequencies of an octave whose mean tells whether the model fits; how unlikely it must be, in standard
#: deviations: 1 of 10 000.
_FEWEST_PER_OCTAVE, _UNLIKELY = 4, 3.7


@dataclass(frozen=True, slots=True)
class CornerFit:
    """What a trace says of the corner frequency.

    Attributes
    ----------
    bead : TrappedBead
        The one of greatest likelihood.
    sd_hz : float
        Standard uncertainty of its corner frequency.
    doubt : str
        Why this corner must not be believed, in a few words; empty where it may be.
    """

    bead: TrappedBead
    sd_hz: float
    doubt: str


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """Means of a periodogram over stretches of frequencies, (n,) each; `counts` frequencies in each."""

    frequency_hz: FloatArray
    density: FloatArray
    counts: FloatArray
    kept: FloatArray
    interval_s: float
    exposure_s: float
    n_frames: int

    def shape(self, corner_hz: FloatArray | float) -> FloatArray:
        """Return the mean of `density` for a bead of variance 1."""
        timing = self.interval_s, self.exposure_s, self.n_frames
        return self.kept * seen_shape(np.asarray(corner_hz, np.float64), self.frequency_hz, *timing)

    @property
    def floor(self) -> FloatArray:
        """The mean of `density` for white noise of variance 1."""
        return 2 * self.interval_s * self.kept

    def cost(self, expected: FloatArray) -> FloatArray:
        """Return −2 ln likelihood, but for a constant; the frequencies are along the last axis."""
        each = np.log(expected) + self.density / expected
        return np.asarray(2 * (each * self.counts).sum(axis=-1), np.float64)


def fit_corner(values: npt.ArrayLike, interval_s: float, exposure_s: float | None = None) -> CornerFit:
    """Return the bead in a trap of greatest likelihood, and how well its corner frequency is known.

    The model is that of a camera: discrete samples, each a mean over the exposure, with all aliases and a
    constant floor of noise. A straight line is taken out of the values. All frequencies of one periodogram
    from the lowest to half the frame rate are used; each is distributed exponentially, and means over K of
    them as a gamma distribution, about the mean that leakage gives it. Corner, variance and noise are found
    by Fisher scoring. The uncertainty is that of Fisher's information of the three parameters.

    Source: B. M. Lansdorp and O. A. Saleh, Rev. Sci. Instrum. 83 (2012) 025115 (likelihood, aliasing and
    blur); W. P. Wong and K. Halvorsen, Opt. Express 14 (2006) 12517 (blur); A. M. Sykulski et al., Biometrika
    106 (2019) 251 (leakage).

    Parameters
    ----------
    values : array_like, (n,)
        Positions, evenly sampled, all finite, not all on a straight line; at least 64.
    interval_s : float
        Between two of them.
    exposure_s : float, optional
        Time over which each is averaged, up to the interval; by default all of it.

    Raises
    ------
    ValueError
        There are too few values, one is not finite, nothing moves, or a time is impossible.
    """
    x = evenly_sampled(values, interval_s, FEWEST_VALUES, "a corner frequency")
    exposure_s = interval_s if exposure_s is None else exposure_s
    if not 0 <= exposure_s <= interval_s * (1 + 1e-9):
        raise ValueError(
            f"exposure_s must be from 0 to the interval of {interval_s:g} s, not {exposure_s}; "
            "give the exposure of a frame"
        )
    bins = _binned(x, interval_s, min(exposure_s, interval_s))
    corners = np.geomspace(bins.frequency_hz[0] / 2, 1 / interval_s, _TRIALS)
    found, cost = _most_likely(bins, _first_guess(bins, corners))
    sd = _uncertainty(bins, found)
    corner_hz, variance = (float(value) for value in np.exp(found[:2]))
    bead = TrappedBead(corner_hz, variance, float(found[2]), interval_s, bins.exposure_s)
    return CornerFit(bead, corner_hz * sd, _doubt(bins, found, sd, cost))


def _binned(x: FloatArray, interval_s: float, exposure_s: float) -> _Bins:
    t = np.arange(len(x)) - (len(x) - 1) / 2
    middle = x - x.mean()
    rest = middle - t * (t @ middle) / (t @ t)
    if not np.abs(rest).max() > 1e-12 * np.abs(x).max():
        raise ValueError("the values lie on a straight line; a corner frequency needs a bead that moves")
    density = 2 * interval_s / len(x) * np.abs(np.fft.rfft(rest)[1 : (len(x) + 1) // 2]) ** 2
    k = np.arange(1, len(density) + 1)
    block = np.where(k <= _APART, k, _APART + np.floor(_PER_DECADE * np.log10(k / _APART)))
    starts = np.concatenate(([0], np.flatnonzero(np.diff(block)) + 1))
    counts = np.diff(np.append(starts, len(k))).astype(np.float64)
    orders = np.add.reduceat(k.astype(np.float64), starts) / counts
    means = np.add.reduceat(density, starts) / counts
    kept = 1 - _IN_LINE / orders**2
    frequency_hz = orders / (len(x) * interval_s)
    return _Bins(frequency_hz, means, counts, kept, interval_s, exposure_s, len(x))


def _first_guess(bins: _Bins, corners: FloatArray) -> FloatArray:
    """Return logarithms of corner and variance, and the noise, that are best of a coarse grid."""
    ratios = np.concatenate(([0.0], np.geomspace(1e-3, 30.0, 12)))
    shapes = bins.shape(corners[:, None])[:, None, :] + ratios[:, None] * bins.floor
    variances = (bins.density / shapes * bins.counts).sum(axis=-1) / bins.counts.sum()
    costs = (np.log(shapes) * bins.counts).sum(axis=-1) + bins.counts.sum() * np.log(variances)
    corner, ratio = np.unravel_index(int(np.argmin(costs)), costs.shape)
    variance = variances[corner, ratio]
    return np.array([math.log(corners[corner]), math.log(variance), variance * ratios[ratio]])


def _most_likely(bins: _Bins, guess: FloatArray, *, moves: bool = True) -> tuple[FloatArray, float]:
    """Return the parameters of greatest likelihood, of all corners or with the one given, and the cost."""
    now = guess
    expected, slopes = _expected(bins, now)
    cost = float(bins.cost(expected))
    for _ in range(_MOST_ROUNDS):
        step = _scored(bins, now, expected, slopes, moves=moves)
        for share in 0.5 ** np.arange(12):
            there = _allowed(bins, now + share * step)
            new = _expected(bins, there)
            new_cost = float(bins.cost(new[0]))
            if new_cost <= cost:
                break
        else:
            break
        gain, now, cost, (expected, slopes) = cost - new_cost, there, new_cost, new
        if gain < 1e-4:
            break
    return now, cost


def _uncertainty(bins: _Bins, at: FloatArray) -> float:
    """Return the relative standard uncertainty of the corner, infinite where nothing tells it."""
    expected, slopes = _expected(bins, at)
    information = (slopes * (bins.counts / expected**2)) @ slopes.T
    scale = np.sqrt(np.diag(information))
    scale[scale == 0] = 1.0
    known = np.linalg.pinv(information / np.outer(scale, scale), rcond=1e-10)
    return math.sqrt(known[0, 0]) / float(scale[0]) if known[0, 0] > 0 else math.inf


def _expected(bins: _Bins, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean densities (n,) and their derivatives (3, n) by the parameters."""
    corners = np.exp(at[0] + np.array([[0.0], [_STEP], [-_STEP]]))
    here, above, below = math.exp(at[1]) * bins.shape(corners)
    slopes = np.array([(above - below) / (2 * _STEP), here, bins.floor])
    return here + at[2] * bins.floor, slopes


def _scored(
    bins: _Bins, now: FloatArray, expected: FloatArray, slopes: FloatArray, *, moves: bool
) -> FloatArray:
    """Return the step of Fisher scoring; noise that is 0 and would become less stays."""
    weights = bins.counts / expected**2
    score = slopes @ (weights * (bins.density - expected))
    free = np.array([moves, True, now[2] > 0 or score[2] > 0])
    used = slopes[free]
    information = (used * weights) @ used.T
    scale = np.sqrt(np.diag(information)) + 1e-300
    ridge = 1e-9 * np.eye(len(used))
    step = np.zeros(3)
    step[free] = np.linalg.solve(information / np.outer(scale, scale) + ridge, score[free] / scale) / scale
    return np.clip(step, [-1.0, -1.0, -np.inf], [1.0, 1.0, np.inf])


def _allowed(bins: _Bins, there: FloatArray) -> FloatArray:
    """Return parameters within what can be: a corner near the frequencies seen, noise not below 0."""
    low, high = math.log(bins.frequency_hz[0] / 4), math.log(2 / bins.interval_s)
    return np.array([min(max(there[0], low), high), max(there[1], -200.0), max(there[2], 0.0)])


def _doubt(bins: _Bins, found: FloatArray, sd: float, cost: float) -> str:
    """Say why a corner must not be believed."""
    expected = _expected(bins, found)[0]
    flat = (bins.density / bins.kept * bins.counts).sum() / bins.counts.sum() * bins.kept
    if bins.cost(flat) - cost < _BETTER:
        return "white noise"
    lowest_hz = _LOWEST / (bins.n_frames * bins.interval_s)
    if math.exp(found[0]) < lowest_hz:
        return f"below {_rough(lowest_hz)} Hz it takes a longer trace"
    if _misfit(bins, expected):
        return "not the spectrum of a trap"
    highest_hz = _HIGHEST / bins.interval_s
    if math.exp(found[0]) > highest_hz:
        return f"above {_rough(highest_hz)} Hz it takes a faster camera"
    if math.exp(found[0]) > _FAST / bins.interval_s:
        as_fast = _first_guess(bins, np.array([_FASTER / bins.interval_s]))
        if not sd <= _WORST_OF_FAST or _most_likely(bins, as_fast, moves=False)[1] - cost < _SLOWER:
            return "may be faster: it takes more frames"
    if not sd <= _WORST:
        return "too noisy"
    return ""


def _rough(hz: float) -> str:
    """Return two digits of a frequency, without a power of ten."""
    return f"{float(f'{hz:.2g}'):g}"


def _misfit(bins: _Bins, expected: FloatArray) -> bool:
    """Return whether densities lie so far from what is expected that 1 of 10 000 does by chance."""
    octave = np.floor(np.log2(bins.frequency_hz / bins.frequency_hz[0]))
    starts = np.concatenate(([0], np.flatnonzero(np.diff(octave)) + 1))
    counts = np.add.reduceat(bins.counts, starts)
    ratio = np.maximum(np.add.reduceat(bins.counts * bins.density / expected, starts) / counts, 1e-300)
    used = counts >= _FEWEST_PER_OCTAVE
    chi2 = float(np.sum(2 * counts[used] * (ratio[used] - 1 - np.log(ratio[used]))))
    free = max(1, int(used.sum()) - 3)
    # Wilson and Hilferty 1931: the cube root of chi² is nearly normal.
    spread = 2 / (9 * free)
    return chi2 > free * (1 - spread + _UNLIKELY * math.sqrt(spread)) ** 3
