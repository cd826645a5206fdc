"""How far the sample drifted during a sweep: an early plane that is looked at once more at the end tells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.last_look import UNKNOWN_NM, LastLook

Floats = npt.NDArray[np.float64]
#: Beads that must be able to tell, or half of them if that is less.
_ENOUGH = 3
#: Beads within so many times their uncertainty of one value agree; what two thirds say is common to all.
_AGREED, _COMMON_SHARE = 3.0, 2 / 3
#: Drift of more than this share of the sweep's range, and more than so many nm, makes heights too wrong ...
_MOST_SHARE, _MOST_NM = 0.01, 5.0
#: ... if it is so many times its uncertainty; with fewer beads than that, more.
_CERTAIN, _FEW, _CERTAIN_OF_FEW = 3.0, 4, 4.0
#: So many times its uncertainty more, it may be too much: that is said.
_DOUBTFUL = 2.0
#: Of so many beads or fewer the spread is known badly, and counts more (as Student's t does).
_SPREAD_OF_FEW = {2: 3.0, 3: 2.0}


@dataclass(frozen=True, slots=True)
class SampleDrift:
    """Drift of the sample, or of one bead, during a sweep.

    Attributes
    ----------
    drift_nm : float
        From the first plane to the last, upwards; NaN where the beads were not found again, or where it is
        not known.
    sigma_nm : float
        Its uncertainty.
    range_nm : float
        Range of the sweep in z.
    n_beads : int
        Beads that say so.
    n_asked : int
        Beads that were found again; 0: no others.
    unknown : str
        Why it is not known; empty if it is.
    """

    drift_nm: float
    sigma_nm: float
    range_nm: float
    n_beads: int = 0
    n_asked: int = 0
    unknown: str = ""

    @property
    def limit_nm(self) -> float:
        """Drift that is too much, if it is certain."""
        return max(_MOST_SHARE * self.range_nm, _MOST_NM)

    @property
    def is_too_much(self) -> bool:
        """Whether heights measured with these Z-LUTs are wrong by more than they may be."""
        if self.unknown:
            return False
        certain = _CERTAIN if self.n_beads >= _FEW else _CERTAIN_OF_FEW
        return not abs(self.drift_nm) <= max(self.limit_nm, certain * self.sigma_nm)

    @property
    def is_uncertain(self) -> bool:
        """Whether it may be too much, but that cannot be told."""
        return not self.is_too_much and abs(self.drift_nm) + _DOUBTFUL * self.sigma_nm > self.limit_nm

    @property
    def percent(self) -> float:
        """By so many percent heights are wrong."""
        return 100 * abs(self.drift_nm) / self.range_nm

    @property
    def moved(self) -> str:
        """How far, in words."""
        return (
            f"{self.drift_nm:+.1f} nm during the sweep, {self.percent:.1f} % of its range "
            f"(± {self.sigma_nm:.1f} nm)"
        )

    @property
    def text(self) -> str:
        """One sentence for a person."""
        if self.unknown:
            return f"how far the sample drifted during the sweep is not known: {self.unknown}"
        if math.isnan(self.drift_nm):
            return (
                "the beads were not found again after the sweep where they were: the sample drifts far; "
                "let it settle and sweep again"
            )
        who = f", say {self.n_beads} of {self.n_asked} beads" if self.n_asked > self.n_beads else ""
        moved = f"the sample drifted {self.moved}{who}"
        if self.is_too_much:
            return f"{moved}: heights are wrong by {self.percent:.1f} %; let it settle and sweep again"
        if not self.is_uncertain:
            return moved
        return (
            f"{moved}: that is too uncertain to tell if it is more than {self.limit_nm:.1f} nm; more frames, "
            "more beads or a higher force would tell"
        )


def drift_of(
    looks: Sequence[LastLook],
    steps: Sequence[Mapping[str, Any]],
    closing: Mapping[str, Any],
    range_nm: float,
) -> SampleDrift:
    """Return the drift of the sample from what each bead with a Z-LUT says.

    Reference beads say it alone, where they can tell. It is not known if too few could be found again, or if
    fewer than two thirds of those found agree.
    """
    references = [look for look in looks if look.role == "reference"]
    asked = references if references and _can_tell(references) else looks
    able = [look for look in asked if not look.why_not]
    if _are_too_few(asked):
        reasons = Counter(look.why_not for look in asked if look.why_not)
        said = ", ".join(f"{count} {why_not}" for why_not, count in reasons.most_common())
        return SampleDrift(math.nan, math.nan, range_nm, unknown=f"of {len(asked)} beads with a Z-LUT {said}")
    found = [look for look in able if math.isfinite(look.offset_nm)]
    agreed = _agreed(found)

    def of(group: Sequence[LastLook]) -> SampleDrift:
        offsets_nm, sigmas_nm = [look.offset_nm for look in group], [look.sigma_nm for look in group]
        return sample_drift(offsets_nm, steps, closing, range_nm, sigmas_nm)

    if len(agreed) < _COMMON_SHARE * len(found):
        groups = (agreed, _agreed([look for look in found if look not in agreed]))
        said = ", ".join(f"{len(group)} of {len(found)} by {of(group).drift_nm:+.1f} nm" for group in groups)
        unknown = f"the beads disagree, and moved {said}; each is judged by its own motion"
        return SampleDrift(math.nan, math.nan, range_nm, len(agreed), len(found), unknown)
    heard = [*agreed, *(look for look in able if math.isnan(look.offset_nm))]
    return replace(of(heard), n_asked=len(found))


def _are_too_few(looks: Sequence[LastLook]) -> bool:
    able = sum(not look.why_not for look in looks)
    return 2 * able < len(looks) and able < _ENOUGH


def _can_tell(looks: Sequence[LastLook]) -> bool:
    """Whether enough beads could be found again, and most of them were."""
    able = [look for look in looks if not look.why_not]
    found = sum(math.isfinite(look.offset_nm) for look in able)
    return not _are_too_few(looks) and found > 0 and 2 * found >= len(able)


def _agreed(looks: Sequence[LastLook]) -> list[LastLook]:
    """Return the most beads that one offset can be true of."""
    if not looks:
        return []
    offsets = np.array([look.offset_nm for look in looks])
    reach = _AGREED * np.array([look.sigma_nm for look in looks])
    # The best offset can be shifted to the end of an interval.
    tried = np.concatenate([offsets - reach, offsets + reach])
    within = np.abs(tried[:, np.newaxis] - offsets) <= reach * (1 + 1e-9)
    best = within[within.sum(axis=1).argmax()]
    return [look for look, is_within in zip(looks, best, strict=True) if is_within]


def sample_drift(
    offsets_nm: Sequence[float],
    steps: Sequence[Mapping[str, Any]],
    closing: Mapping[str, Any],
    range_nm: float,
    sigmas_nm: Sequence[float] = (),
) -> SampleDrift:
    """Return the drift of a sweep, taken as even.

    The Z-LUT calls z what the focus said, while the beads went v · t away from that. At the end a bead is
    found, by what it looks like, at the place of another time; with r, the speed of the sweep in z, that is
    offset = v · (T − t − offset / r) for a plane taken at t and looked at again at T.

    Parameters
    ----------
    offsets_nm : sequence of float
        Of each bead that could be found, its z in the last look less that of the plane; NaN where it was not.
    steps : sequence of mapping
        The planes with ``t_ns``, in rising z.
    closing : mapping
        The last look: its ``t_ns`` and ``plane``, the number of the plane in the order of the sweep.
    range_nm : float
        Range of the sweep in z.
    sigmas_nm : sequence of float, optional
        The uncertainty of each offset; without them a conservative value.
    """
    offsets = np.array(offsets_nm, np.float64)
    sigmas = np.array(sigmas_nm, np.float64) if len(sigmas_nm) else np.full(len(offsets), UNKNOWN_NM)
    found = np.isfinite(offsets)
    known, n_beads = offsets[found], int(found.sum())
    if 2 * n_beads < len(offsets) or not n_beads:
        return SampleDrift(math.nan, math.nan, range_nm, n_beads)
    offset_nm = float(np.median(known))
    sigma_nm = _sigma_nm(known, sigmas[found])
    by_step = {int(step["step"]): int(step["t_ns"]) for step in steps}
    lasted_ns = by_step[max(by_step)] - by_step[min(by_step)]
    since_ns = int(closing["t_ns"]) - by_step[int(closing["plane"])]
    sign = 1.0 if int(steps[-1]["step"]) > int(steps[0]["step"]) else -1.0
    share = lasted_ns / (since_ns - sign * offset_nm / range_nm * lasted_ns)
    return SampleDrift(offset_nm * share, sigma_nm * abs(share), range_nm, n_beads)


def _sigma_nm(offsets_nm: Floats, sigmas_nm: Floats) -> float:
    """Return the uncertainty of the median, from that of each bead, or from their spread if that is more."""
    n_beads = len(offsets_nm)
    # From the median deviation, as a bead that has come loose is no uncertainty of the others.
    spread_nm = 1.48 * float(np.median(np.abs(offsets_nm - np.median(offsets_nm))))
    each_nm = max(spread_nm * _SPREAD_OF_FEW.get(n_beads, 1.0), float(np.median(sigmas_nm)))
    return 1.25 * each_nm / math.sqrt(n_beads)
