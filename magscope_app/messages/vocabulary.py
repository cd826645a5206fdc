"""Words that several messages share."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.config import BeadRole


@dataclass(frozen=True, slots=True)
class Bead:
    """A bead of the list: centre of its ROI in pixels and what it is for."""

    id: int
    x_px: float
    y_px: float
    role: BeadRole = "tethered"


@dataclass(frozen=True, slots=True)
class Counters:
    """Frames by what became of them; house rule: nothing is lost silently."""

    frames_acquired: int = 0
    frames_tracked: int = 0
    frames_recorded: int = 0
    lost_upstream: int = 0
    lost_ring: int = 0
    lost_tracking: int = 0
    lost_recording: int = 0
    #: Frames whose image was left out on purpose: without beads there are no ROIs, or a processor wants none.
    #: Where rows are recorded, too, these are among the recorded ones.
    frames_left_out: int = 0

    @property
    def frames_lost(self) -> int:
        """All losses together."""
        return self.lost_upstream + self.lost_ring + self.lost_tracking + self.lost_recording
