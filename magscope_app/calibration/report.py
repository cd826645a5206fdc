"""What a sweep says about each bead, in numbers that a person can judge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from magscope_app.config import BeadRole

#: "good"; "poor": there is a Z-LUT, but something speaks against it; "lost": there is none.
Verdict = Literal["good", "poor", "lost"]
_PREFIX = "sweep_"


@dataclass(frozen=True, slots=True)
class BeadReport:
    """One bead of a sweep.

    Attributes
    ----------
    bead_id : int
        Its number.
    role : str
        tethered or reference.
    verdict : str
        good, poor or lost.
    remarks : tuple of str
        Why it is poor or lost, and what else should be known; one sentence each.
    sigma_z_nm : float
        Median over the planes of the uncertainty of one frame that the tracker states; NaN without the
        camera's noise.
    worst_sigma_z_nm : float
        The largest within the usable range.
    scatter_nm : float
        Standard deviation of z within a plane, the usual one of all planes, in the sweep's own frames.
    motion_nm : float
        What of the scatter the camera's noise does not explain: the bead's own motion in z.
    usable_nm : tuple of float
        First and last z of the longest stretch where every plane is found again.
    contrast : float
        Median over the planes of the rings' standard deviation, relative to the light around the bead.
    residual_nm : float
        How far the planes are found from where they were, rms over the usable range.
    between_nm : float
        How far planes are found with a Z-LUT of their neighbours alone, rms: what z is worth between planes.
    drift_nm, drift_sigma_nm : float
        How far the bead itself moved from the first plane to the last, upwards, as if evenly, and the
        uncertainty of that; NaN where it is not known.
    """

    bead_id: int
    role: BeadRole
    verdict: Verdict
    remarks: tuple[str, ...] = ()
    sigma_z_nm: float = math.nan
    worst_sigma_z_nm: float = math.nan
    scatter_nm: float = math.nan
    motion_nm: float = math.nan
    usable_nm: tuple[float, float] = (math.nan, math.nan)
    contrast: float = math.nan
    residual_nm: float = math.nan
    between_nm: float = math.nan
    drift_nm: float = math.nan
    drift_sigma_nm: float = math.nan

    def as_metadata(self) -> dict[str, str | int | float | bool | None]:
        """Return the report as plain values, for the metadata of the bead's Z-LUT."""
        numbers = {
            "sigma_z_nm": self.sigma_z_nm,
            "worst_sigma_z_nm": self.worst_sigma_z_nm,
            "scatter_nm": self.scatter_nm,
            "motion_nm": self.motion_nm,
            "usable_from_nm": self.usable_nm[0],
            "usable_to_nm": self.usable_nm[1],
            "contrast": self.contrast,
            "residual_nm": self.residual_nm,
            "between_nm": self.between_nm,
            "drift_nm": self.drift_nm,
            "drift_sigma_nm": self.drift_sigma_nm,
        }
        plain = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        texts = {"role": self.role, "verdict": self.verdict, "remarks": "\n".join(self.remarks)}
        return {f"{_PREFIX}{name}": value for name, value in (plain | texts).items()}

    @classmethod
    def of_metadata(cls, bead_id: int, metadata: Mapping[str, object]) -> BeadReport | None:
        """Return what `as_metadata` made; None for a Z-LUT that no sweep of this program made."""
        if f"{_PREFIX}verdict" not in metadata:
            return None

        def number(name: str) -> float:
            value = metadata.get(f"{_PREFIX}{name}")
            return float(value) if isinstance(value, int | float) else math.nan

        role: BeadRole = "reference" if metadata.get(f"{_PREFIX}role") == "reference" else "tethered"
        remarks = str(metadata.get(f"{_PREFIX}remarks", ""))
        return cls(
            bead_id,
            role,
            "good" if metadata[f"{_PREFIX}verdict"] == "good" else "poor",
            tuple(remarks.split("\n")) if remarks else (),
            number("sigma_z_nm"),
            number("worst_sigma_z_nm"),
            number("scatter_nm"),
            number("motion_nm"),
            (number("usable_from_nm"), number("usable_to_nm")),
            number("contrast"),
            number("residual_nm"),
            number("between_nm"),
            number("drift_nm"),
            number("drift_sigma_nm"),
        )

    def describe(self) -> str:
        """Return one line for a person; a number below 0 means all beads."""
        name = f"bead {self.bead_id:4d}" if self.bead_id >= 0 else "all beads"
        if self.verdict == "lost":
            return f"{name}  {self.role:9s}  lost  {'; '.join(self.remarks)}"
        low, high = self.usable_nm
        usable = f"usable {low:+.0f} to {high:+.0f} nm" if math.isfinite(low) else "nothing usable"
        numbers = (
            f"σz {_known(self.sigma_z_nm)} nm, scatter {_known(self.scatter_nm)} nm, {usable}, "
            f"contrast {_known(100 * self.contrast)} %, residual {_known(self.residual_nm)} nm, "
            f"between planes {_known(self.between_nm)} nm{self._moved}"
        )
        said = f"  ({'; '.join(self.remarks)})" if self.remarks else ""
        return f"{name}  {self.role:9s}  {self.verdict:4s}  {numbers}{said}"

    @property
    def _moved(self) -> str:
        if not math.isfinite(self.drift_nm):
            return ""
        return f", moved {self.drift_nm:+.1f} ± {self.drift_sigma_nm:.1f} nm"


def _known(value: float) -> str:
    """Return a number as text, a question mark where it is not known."""
    return f"{value:.1f}" if math.isfinite(value) else "?"
