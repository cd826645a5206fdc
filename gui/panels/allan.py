"""Panel: Allan deviation of the selected bead."""

from __future__ import annotations

from typing import ClassVar

from gui.models.analysed import Analysed, allan_of
from gui.models.frame_ring import Trace
from gui.panels.analysis_panel import AnalysisPanel


class AllanPanel(AnalysisPanel):
    """How precise a position is after averaging over a time, and from which time on drift wins."""

    name: ClassVar[str] = "allan"
    bottom: ClassVar[str] = "averaging time (s)"
    left: ClassVar[str] = "Allan deviation (nm)"

    def analyse(self, trace: Trace) -> dict[str, Analysed]:
        """Return the deviation of each axis with its limits, and what averaging is good for."""
        return allan_of(trace)
