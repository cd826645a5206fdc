"""The movement of a bead, analysed for a plot."""

from __future__ import annotations

from gui.models.history import Trace
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


def allan_of(trace: Trace) -> dict[str, AllanDeviation]:
    """Return the Allan deviation of each axis that has a stretch long enough."""
    found = {}
    for axis in AXES:
        interval_s, values = longest_stretch(trace.t_s, getattr(trace, f"{axis}_nm"))
        if len(values) >= FEWEST_FRAMES:
            found[axis] = allan_deviation(values, interval_s)
    return found


def spectra_of(trace: Trace) -> dict[str, tuple[Spectrum, Lorentzian]]:
    """Return spectrum and fitted Lorentzian of each axis that has a stretch long enough."""
    found = {}
    for axis in AXES:
        interval_s, values = longest_stretch(trace.t_s, getattr(trace, f"{axis}_nm"))
        if len(values) >= FEWEST_FRAMES and values.any() and values.std() > 0:
            spectrum = power_spectrum(values, interval_s)
            found[axis] = spectrum, fit_lorentzian(spectrum)
    return found
