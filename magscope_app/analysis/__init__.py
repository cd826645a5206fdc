"""What the movement of a bead says: Allan deviation, spectra, corner frequency."""

from magscope_app.analysis.allan import AllanDeviation, allan_deviation
from magscope_app.analysis.corner import CornerFit, fit_corner
from magscope_app.analysis.spectrum import Spectrum, power_spectrum
from magscope_app.analysis.stretch import longest_stretch
from magscope_app.analysis.trap import TrappedBead

__all__ = [
    "AllanDeviation",
    "CornerFit",
    "Spectrum",
    "TrappedBead",
    "allan_deviation",
    "fit_corner",
    "longest_stretch",
    "power_spectrum",
]
