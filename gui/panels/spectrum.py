"""Panel: power spectrum of the selected bead."""

from __future__ import annotations

from typing import ClassVar

from gui.models.analysed import Analysed, spectra_of
from gui.models.frame_ring import Trace
from gui.panels.analysis_panel import AnalysisPanel


class SpectrumPanel(AnalysisPanel):
    """Power by frequency, and a bead in a trap as the camera sees it, with its corner frequency."""

    name: ClassVar[str] = "spectrum"
    bottom: ClassVar[str] = "frequency (Hz)"
    left: ClassVar[str] = "density (nm²/Hz)"

    def analyse(self, trace: Trace) -> dict[str, Analysed]:
        """Return the spectrum of each axis, and its corner frequency."""
        return spectra_of(trace, self.session.exposure_s)
