"""Panel: Allan deviation of the selected bead."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gui.models.analysed import allan_of
from gui.models.frame_ring import Trace
from gui.models.quantities import age_text
from gui.panels.analysis_panel import AnalysisPanel, FloatArray


class AllanPanel(AnalysisPanel):
    """How precise a position is after averaging over a time, and from which time on drift wins."""

    name: ClassVar[str] = "allan"
    bottom: ClassVar[str] = "averaging time (s)"
    left: ClassVar[str] = "Allan deviation (nm)"

    def analyse(self, trace: Trace) -> dict[str, tuple[FloatArray, FloatArray, str]]:
        """Return the deviation of each axis, and where it is least."""
        found = {}
        for axis, allan in allan_of(trace).items():
            least = int(np.argmin(allan.deviation))
            said = f"{allan.deviation[least]:.2g} nm at {age_text(float(allan.tau_s[least]))}"
            found[axis] = allan.tau_s, allan.deviation, said
        return found
