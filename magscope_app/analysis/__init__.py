"""What the movement of a bead says: Allan deviation, spectra, corner frequency."""

from magscope_app.analysis.allan import AllanDeviation, allan_deviation
from magscope_app.analysis.spectrum import Lorentzian, Spectrum, fit_lorentzian, power_spectrum
from magscope_app.analysis.stretch import longest_stretch

__all__ = [
    "AllanDeviation",
    "Lorentzian",
    "Spectrum",
    "allan_deviation",
    "fit_lorentzian",
    "longest_stretch",
    "power_spectrum",
]
