"""Which readings of reference beads can be believed, and why the others cannot."""

from __future__ import annotations

import math
from collections.abc import Iterable

from magscope_app.config.feedback import ZLockConfig
from magscope_app.feedback.readings import Frame, Reading

#: A bead that is elsewhere in so many frames, one after the other, is no bad reading but another bead.
_FRAMES_ELSEWHERE = 3


class Belief:
    """Judges the readings of one frame after the other.

    Parameters
    ----------
    config : ZLockConfig
        What a reading must be worth.
    largest_jump_nm : float
        A bead does not go farther than this in x and y between two frames.
    """

    def __init__(self, config: ZLockConfig, largest_jump_nm: float) -> None:
        self._config = config
        self._largest_nm = largest_jump_nm
        self._places_nm: dict[int, tuple[float, float]] = {}
        self._elsewhere: dict[int, int] = {}
        #: Of the newest frame: why beads are not believed.
        self.doubts: dict[int, str] = {}
        #: Uncertainty of z when a bead was last believed.
        self.sigma_nm: dict[int, float] = {}
        #: Beads that are not the same any more, and why.
        self.others: dict[int, str] = {}

    def take(self, frame: Frame, bead_ids: Iterable[int]) -> dict[int, float]:
        """Return z of the beads that can be believed."""
        z_nm: dict[int, float] = {}
        self.doubts = {}
        for bead_id in bead_ids:
            reading = frame.beads.get(bead_id)
            doubt = self._doubt(reading) or (self._jump(bead_id, reading) if reading is not None else "")
            if doubt:
                self.doubts[bead_id] = f"bead {bead_id} {doubt}"
            elif reading is not None:
                z_nm[bead_id] = reading.z_nm
                self.sigma_nm[bead_id] = reading.sigma_z_nm
        return z_nm

    def forget(self, bead_ids: Iterable[int]) -> None:
        """Take these beads as they come: they may be others."""
        for bead_id in bead_ids:
            self._places_nm.pop(bead_id, None)
            self.others.pop(bead_id, None)

    @property
    def text(self) -> str:
        """All doubts in a sentence."""
        return "; ".join(self.doubts.values())

    def _jump(self, bead_id: int, reading: Reading) -> str:
        """Follow where a bead is in x and y; say that it is elsewhere."""
        at_nm = reading.x_nm, reading.y_nm
        gone_nm = math.dist(at_nm, self._places_nm.get(bead_id, at_nm))
        if not gone_nm > self._largest_nm:
            self._places_nm[bead_id], self._elsewhere[bead_id] = at_nm, 0
            return ""
        self._elsewhere[bead_id] += 1
        text = f"has jumped by {gone_nm:.0f} nm in x and y, it may be another one"
        if self._elsewhere[bead_id] >= _FRAMES_ELSEWHERE:
            self.others[bead_id] = f"bead {bead_id} {text}"
        return text

    def _doubt(self, reading: Reading | None) -> str:
        config = self._config
        if reading is None:
            return "is not tracked"
        if math.isnan(reading.x_nm) or math.isnan(reading.y_nm):
            return "is lost"
        if math.isnan(reading.z_nm):
            return "has no z (no Z-LUT, or beyond its range)"
        if not reading.quality >= config.min_quality:
            return f"has a quality of {reading.quality:.2f}, below {config.min_quality:g}"
        if math.isnan(reading.sigma_z_nm):
            return "has no uncertainty of z"
        if reading.sigma_z_nm > config.max_sigma_nm:
            return f"is uncertain by {reading.sigma_z_nm:.0f} nm, more than {config.max_sigma_nm:g}"
        return ""
