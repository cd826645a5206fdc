"""Panel: power spectrum of the selected bead."""

from __future__ import annotations

from typing import ClassVar

from gui.models.analysed import spectra_of
from gui.models.frame_ring import Trace
from gui.panels.analysis_panel import AnalysisPanel, FloatArray
from gui.panels.panel import PanelContext
from magscope_app.analysis import Lorentzian


class SpectrumPanel(AnalysisPanel):
    """Power by frequency, and the Lorentzian of a bead in a trap with its corner frequency."""

    name: ClassVar[str] = "spectrum"
    bottom: ClassVar[str] = "frequency (Hz)"
    left: ClassVar[str] = "density (nm²/Hz)"

    def __init__(self, context: PanelContext) -> None:
        self._fitted: dict[str, tuple[FloatArray, FloatArray]] = {}
        super().__init__(context)

    def analyse(self, trace: Trace) -> dict[str, tuple[FloatArray, FloatArray, str]]:
        """Return the spectrum of each axis, and its corner frequency."""
        found = {}
        self._fitted = {}
        for axis, (spectrum, fit) in spectra_of(trace).items():
            frequency = spectrum.frequency_hz
            found[axis] = frequency, spectrum.density, _words(fit, frequency)
            if fit is not None and _inside(fit.corner_hz, frequency):
                self._fitted[axis] = frequency, fit.density(frequency)
        return found

    def fitted(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Return the Lorentzians."""
        return self._fitted


def _words(fit: Lorentzian | None, frequency_hz: FloatArray) -> str:
    if fit is None:
        return "too short to fit"
    return f"corner {fit.corner_hz:.2g} Hz" if _inside(fit.corner_hz, frequency_hz) else "no corner"


def _inside(corner_hz: float, frequency_hz: FloatArray) -> bool:
    """Return whether a corner can be told: it lies where the spectrum was fitted."""
    return bool(frequency_hz[0] < corner_hz < frequency_hz[-1] / 2)
