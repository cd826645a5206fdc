"""The movement of a bead, analysed for a plot."""

from __future__ import annotations

import numpy as np

from gui.models.frame_ring import Trace
from magscope_app.analysis import (
    AllanDeviation,
    Lorentzian,
    Spectrum,
    allan_deviation,
    fit_lorentzian,
    longest_stretch,
    power_spectrum,
)

AXES = ("x", "y", "z")
#: Fewer frames than this say nothing.
FEWEST_FRAMES = 64
_BLOCKS_PER_DECADE = 25


def allan_of(trace: Trace) -> dict[str, AllanDeviation]:
    """Return the Allan deviation of each axis that has a stretch long enough."""
    found = {}
    for axis in AXES:
        interval_s, values = longest_stretch(trace.t_s, getattr(trace, f"{axis}_nm"), trace.frame_ids)
        if len(values) >= FEWEST_FRAMES:
            found[axis] = allan_deviation(values, interval_s)
    return found


def spectra_of(trace: Trace) -> dict[str, tuple[Spectrum, Lorentzian | None]]:
    """Return the spectrum of each axis that has a stretch long enough, and a Lorentzian if one fits."""
    found = {}
    for axis in AXES:
        interval_s, values = longest_stretch(trace.t_s, getattr(trace, f"{axis}_nm"), trace.frame_ids)
        if len(values) >= FEWEST_FRAMES and values.any() and values.std() > 0:
            spectrum = power_spectrum(values, interval_s)
            found[axis] = blocked(spectrum), _fitted(spectrum)
    return found


def _fitted(spectrum: Spectrum) -> Lorentzian | None:
    try:
        return fit_lorentzian(spectrum)
    except ValueError:
        # A spectrum of few frequencies, or without power below half the highest one.
        return None


def blocked(spectrum: Spectrum) -> Spectrum:
    """Return means over equal stretches of a logarithmic axis: less noise where there are many points."""
    f, s = spectrum.frequency_hz, spectrum.density
    block = np.floor(np.log10(f) * _BLOCKS_PER_DECADE)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(block)) + 1))
    counts = np.diff(np.append(starts, len(f)))
    return Spectrum(
        np.add.reduceat(f, starts) / counts, np.add.reduceat(s, starts) / counts, spectrum.averages
    )
