"""Which beads moved during a sweep: a Z-LUT is spoilt by all of its own bead's motion, and by no other's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from magscope_app.calibration.last_look import LastLook
from magscope_app.calibration.report import BeadReport
from magscope_app.calibration.sample_drift import SampleDrift, drift_of, sample_drift

#: What is larger than so many times its uncertainty may be true: that is said.
_DOUBTFUL = 2.0
#: A bead that is so many times the uncertainty of both off what the sample did, did not do that.
_CONTRADICTS = 4.0


@dataclass(frozen=True, slots=True)
class SweepDrift:
    """What moved during a sweep.

    Attributes
    ----------
    sample : SampleDrift
        What the beads have in common.
    beads : mapping of int to SampleDrift
        Each bead that has a Z-LUT, by itself.
    """

    sample: SampleDrift
    beads: Mapping[int, SampleDrift] = field(default_factory=dict)

    def judged(self, report: BeadReport) -> BeadReport:
        """Return what a bead's Z-LUT is worth, its motion considered.

        It is poor where the bead certainly moved too far, or was not found again, or where the sample did and
        nothing shows that the bead did not.
        """
        if report.verdict == "lost":
            return report
        own = self.beads.get(
            report.bead_id, SampleDrift(math.nan, math.nan, math.nan, unknown="no last look")
        )
        if not own.unknown:
            report = replace(report, drift_nm=own.drift_nm, drift_sigma_nm=own.sigma_nm)
        fault = self._fault(own)
        if fault:
            return replace(report, verdict="poor", remarks=(fault, *report.remarks))
        large = abs(own.drift_nm) > max(own.limit_nm, _DOUBTFUL * own.sigma_nm)
        note = (
            f"it moved by {own.moved}: that is too uncertain to tell if it is more than {own.limit_nm:.1f} nm"
        )
        return replace(report, remarks=(*report.remarks, note)) if large else report

    def metadata(self, report: BeadReport) -> dict[str, str | int | float | bool | None]:
        """Return what the Z-LUT of a bead that was `judged` says of it, and of the sample."""
        drift_nm = self.sample.drift_nm
        return report.as_metadata() | {"sample_drift_nm": drift_nm if math.isfinite(drift_nm) else None}

    def _fault(self, own: SampleDrift) -> str:
        """Say why a bead's Z-LUT is poor by its motion; nothing if it is not."""
        if self.sample.is_too_much and self._has_drifted_along(own):
            return self.sample.text
        if not own.is_too_much:
            return ""
        if math.isnan(own.drift_nm):
            return "it was not found again after the sweep where it was; use another bead, or sweep again"
        return (
            f"it moved by {own.moved}: its heights are wrong by {own.percent:.1f} %; use a bead that stays, "
            "or sweep faster"
        )

    def _has_drifted_along(self, own: SampleDrift) -> bool:
        """Whether nothing shows that a bead did not do what the sample did."""
        if own.unknown or math.isnan(own.drift_nm):
            return True
        if not own.is_too_much and not own.is_uncertain:
            return False
        off_nm = abs(own.drift_nm - self.sample.drift_nm)
        return not off_nm > _CONTRADICTS * math.hypot(own.sigma_nm, self.sample.sigma_nm)


def sweep_drift(
    looks: Sequence[LastLook],
    steps: Sequence[Mapping[str, Any]],
    closing: Mapping[str, Any],
    range_nm: float,
) -> SweepDrift:
    """Return what moved during a sweep, from the last look at each bead with a Z-LUT.

    Parameters
    ----------
    looks : sequence of LastLook
        Each with its `bead_id`.
    steps, closing, range_nm
        As for `sample_drift`.
    """
    beads = {
        look.bead_id: SampleDrift(math.nan, math.nan, range_nm, unknown=look.why_not)
        if look.why_not
        else sample_drift([look.offset_nm], steps, closing, range_nm, [look.sigma_nm])
        for look in looks
    }
    return SweepDrift(drift_of(looks, steps, closing, range_nm), beads)
