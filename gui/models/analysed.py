"""The movement of a bead, analysed for a plot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gui.models.frame_ring import FloatArray, Trace
from gui.models.quantities import age_text, measured_text
from magscope_app.analysis import (
    AllanDeviation,
    CornerFit,
    Spectrum,
    allan_deviation,
    fit_corner,
    longest_stretch,
    power_spectrum,
)

AXES = ("x", "y", "z")
#: Fewer frames than this say nothing.
FEWEST_FRAMES = 64
_BLOCKS_PER_DECADE = 25
#: A deviation is told in words whose uncertainty is at most so large a part of it.
_WORST = 0.25
#: It still falls if it is clearly below what it was at this part of the averaging time.
_BEFORE = 0.1
#: Standard deviations by which a later deviation must be above the least one.
_CLEARLY = 2.0
#: Movements are smaller parts of a position only by the rounding of their numbers.
_SMALLEST = 1e-9
_NOTHING: FloatArray = np.empty(0)
_STILL = "does not move"


@dataclass(frozen=True, slots=True, eq=False)
class Analysed:
    """What is drawn and said of one axis.

    Attributes
    ----------
    x, y : ndarray of float64, (n,)
        The curve.
    said : str
        A few words.
    seconds : float
        Length of the stretch without a gap that was analysed.
    low, high : ndarray of float64, (n,) or (0,)
        Limits of confidence (68 %) of `y`.
    fit : ndarray of float64, (n,) or (0,)
        What theory says at `x`.
    """

    x: FloatArray
    y: FloatArray
    said: str
    seconds: float
    low: FloatArray
    high: FloatArray
    fit: FloatArray


def allan_of(trace: Trace) -> dict[str, Analysed]:
    """Return the Allan deviation of each axis that has a stretch long enough."""
    found = {}
    for axis, interval_s, values in _stretches(trace):
        seconds = len(values) * interval_s
        if _moves(values, values):
            allan = allan_deviation(values, interval_s)
            curve = allan.tau_s, allan.deviation, allan_words(allan), seconds
            found[axis] = Analysed(*curve, *allan.bounds(), _NOTHING)
        else:
            found[axis] = _still(seconds)
    return found


def allan_words(allan: AllanDeviation) -> str:
    """Say what averaging is good for, by a deviation that is known well enough, with its uncertainty.

    The least one is told where it clearly rises afterwards: the least of many noisy numbers is too small.
    Otherwise it is that of the longest time that is known to 25 %.
    """
    low, high = allan.bounds()
    half = (high - low) / 2
    known = np.flatnonzero(half <= _WORST * allan.deviation)
    if not len(known):
        return "too short"
    least, last = int(known[np.argmin(allan.deviation[known])]), int(known[-1])
    clear_low, clear_high = allan.bounds(_CLEARLY)
    before = int(np.searchsorted(allan.tau_s, _BEFORE * allan.tau_s[last] * (1 + 1e-9), "right")) - 1
    if (clear_low[least + 1 :] > clear_high[least]).any():
        at, what = least, "least, then rises"
    elif before >= 0 and low[before] > high[last]:
        at, what = last, "still falling"
    else:
        at, what = last, "level"
    value = measured_text(float(allan.deviation[at]), float(half[at]))
    return f"{value} nm at {_time_text(float(allan.tau_s[at]))} ({what})"


def _time_text(seconds: float) -> str:
    return age_text(seconds) if seconds >= 1 else f"{seconds:.2g} s"


def spectra_of(trace: Trace, exposure_s: float | None = None) -> dict[str, Analysed]:
    """Return the spectrum of each axis that has a stretch long enough, and a bead in a trap if one fits.

    Parameters
    ----------
    trace : Trace
        Every frame.
    exposure_s : float, optional
        Of a frame; by default all the time from frame to frame.
    """
    found = {}
    for axis, interval_s, values in _stretches(trace):
        seconds = len(values) * interval_s
        if _moves(values, np.diff(values)):
            spectrum = blocked(power_spectrum(values, interval_s))
            fit = fit_corner(values, interval_s, None if exposure_s is None else min(exposure_s, interval_s))
            line = _NOTHING if fit.doubt else fit.bead.density(spectrum.frequency_hz)
            curve = spectrum.frequency_hz, spectrum.density, corner_words(fit), seconds
            found[axis] = Analysed(*curve, _NOTHING, _NOTHING, line)
        else:
            found[axis] = _still(seconds)
    return found


def corner_words(fit: CornerFit) -> str:
    """Say the corner frequency with its uncertainty, or why there is none."""
    if fit.doubt:
        return f"no corner ({fit.doubt})"
    return f"corner {measured_text(fit.bead.corner_hz, fit.sd_hz)} Hz"


def _moves(values: FloatArray, differences: FloatArray) -> bool:
    """Return whether values, or what is made of them, differ by more than rounding."""
    return float(np.ptp(differences)) > _SMALLEST * float(np.abs(values).max())


def _still(seconds: float) -> Analysed:
    return Analysed(_NOTHING, _NOTHING, _STILL, seconds, _NOTHING, _NOTHING, _NOTHING)


def _stretches(trace: Trace) -> Iterator[tuple[str, float, FloatArray]]:
    """Yield axis, interval and values of every stretch that is long enough."""
    for axis in AXES:
        interval_s, values = longest_stretch(trace.t_s, getattr(trace, f"{axis}_nm"), trace.frame_ids)
        if len(values) >= FEWEST_FRAMES and interval_s > 0:
            yield axis, interval_s, values


def blocked(spectrum: Spectrum) -> Spectrum:
    """Return means over equal stretches of a logarithmic axis: less noise where there are many points."""
    f, s = spectrum.frequency_hz, spectrum.density
    block = np.floor(np.log10(f) * _BLOCKS_PER_DECADE)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(block)) + 1))
    counts = np.diff(np.append(starts, len(f)))
    return Spectrum(
        np.add.reduceat(f, starts) / counts, np.add.reduceat(s, starts) / counts, spectrum.averages
    )
