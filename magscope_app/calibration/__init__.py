"""Z-LUT calibration: a focus sweep over all beads, judged bead by bead.

The plan and the report are light and may travel between processes; everything that needs the tracker or the
running microscope is imported from its own module.
"""

from magscope_app.calibration.plan import SweepPlan
from magscope_app.calibration.report import BeadReport, Verdict

__all__ = ["BeadReport", "SweepPlan", "Verdict"]
