"""How far the sample drifted during a sweep: an early plane that is looked at once more at the end tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Drift of more than this share of the sweep's range makes heights wrong by as much, if it is certain.
_MOST_SHARE, _CERTAIN = 0.01, 3.0
#: A bead's z in the last look is not better known than this, whatever its frames say.
_LEAST_SIGMA_NM = 1.0


@dataclass(frozen=True, slots=True)
class SampleDrift:
    """Drift of the sample during a sweep.

    Attributes
    ----------
    drift_nm : float
        From the first plane to the last, upwards; NaN where the beads were not found again.
    sigma_nm : float
        Its uncertainty.
    range_nm : float
        Range of the sweep in z.
    """

    drift_nm: float
    sigma_nm: float
    range_nm: float

    @property
    def is_too_much(self) -> bool:
        """Whether heights measured with these Z-LUTs are wrong by more than they may be."""
        return not abs(self.drift_nm) <= max(_MOST_SHARE * self.range_nm, _CERTAIN * self.sigma_nm)

    @property
    def text(self) -> str:
        """One sentence for a person."""
        if math.isnan(self.drift_nm):
            return (
                "the beads were not found again after the sweep where they were: the sample drifts far; "
                "let it settle and sweep again"
            )
        share = 100 * abs(self.drift_nm) / self.range_nm
        moved = f"the sample drifted {self.drift_nm:+.1f} nm during the sweep, {share:.1f} % of its range"
        if not self.is_too_much:
            return f"{moved} (± {self.sigma_nm:.1f} nm)"
        return f"{moved}: heights are wrong by {share:.1f} %; let it settle and sweep again"


def sample_drift(
    offsets_nm: Sequence[float],
    steps: Sequence[Mapping[str, Any]],
    closing: Mapping[str, Any],
    range_nm: float,
) -> SampleDrift:
    """Return the drift of a sweep, taken as even.

    The Z-LUT calls z what the focus said, while the beads went v · t away from that. At the end a bead is
    found, by what it looks like, at the place of another time; with r, the speed of the sweep in z, that is
    offset = v · (T − t − offset / r) for a plane taken at t and looked at again at T.

    Parameters
    ----------
    offsets_nm : sequence of float
        Of each bead, its z in the last look less that of the plane; NaN where it was not found.
    steps : sequence of mapping
        The planes with ``t_ns``, in rising z.
    closing : mapping
        The last look: its ``t_ns`` and ``plane``, the number of the plane in the order of the sweep.
    range_nm : float
        Range of the sweep in z.
    """
    known = np.array([offset for offset in offsets_nm if math.isfinite(offset)])
    if 2 * len(known) < len(offsets_nm) or not len(known):
        return SampleDrift(math.nan, math.nan, range_nm)
    offset_nm = float(np.median(known))
    # From the median deviation, as a bead that has come loose is no uncertainty of the others.
    spread_nm = 1.48 * float(np.median(np.abs(known - offset_nm)))
    sigma_nm = 1.25 * max(spread_nm, _LEAST_SIGMA_NM) / math.sqrt(len(known))
    by_step = {int(step["step"]): int(step["t_ns"]) for step in steps}
    lasted_ns = by_step[max(by_step)] - by_step[min(by_step)]
    since_ns = int(closing["t_ns"]) - by_step[int(closing["plane"])]
    sign = 1.0 if int(steps[-1]["step"]) > int(steps[0]["step"]) else -1.0
    share = lasted_ns / (since_ns - sign * offset_nm / range_nm * lasted_ns)
    return SampleDrift(offset_nm * share, sigma_nm * abs(share), range_nm)
