"""What the calibration panel shows of a sweep, as text and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gui.models.quantities import MISSING, duration_text, number_text
from magscope_app.calibration import BeadReport, SweepPlan
from magscope_app.calibration.messages import SweepEnded, SweepProgress

COLUMNS = ("", "bead", "for", "is", "σz\n(nm)", "usable\n(nm)")
TOOLTIPS = (
    "Accepted: is saved and used",
    "Number of the bead",
    "tethered or reference",
    "good, poor (something speaks against it) or lost (there is no Z-LUT)",
    "Uncertainty of z of one frame, median over the planes; – where the camera's noise is not known",
    "Where every plane is found again",
)
#: A plane takes so long beside its frames: the move, and until it is known to have ended.
_MOVE_S = 0.1


@dataclass
class CalibrationState:
    """What is known of the sweep that runs, or ran last.

    Attributes
    ----------
    progress : SweepProgress or None
        While it runs.
    ended : SweepEnded or None
        How the last one ended.
    accepted : set of int
        Beads whose Z-LUT the user takes.
    saved, used : Path or None
        Files of this sweep's Z-LUTs.
    count : int
        Sweeps that have ended.
    """

    progress: SweepProgress | None = None
    ended: SweepEnded | None = None
    accepted: set[int] = field(default_factory=set)
    saved: Path | None = None
    used: Path | None = None
    count: int = 0

    def go_on(self, progress: SweepProgress) -> None:
        """Take in how far a sweep is."""
        self.progress = progress
        self.ended = self.saved = self.used = None

    def end(self, ended: SweepEnded) -> None:
        """Take in how it ended; good Z-LUTs are accepted until the user thinks otherwise."""
        self.progress, self.ended = None, ended
        self.count += 1
        self.accepted = {report.bead_id for report in ended.reports if report.verdict == "good"}

    def accept(self, bead_id: int, accepted: bool) -> None:
        """Take or leave a Z-LUT; one that does not exist cannot be taken."""
        if accepted and bead_id in self.with_zlut:
            self.accepted.add(bead_id)
        else:
            self.accepted.discard(bead_id)

    @property
    def with_zlut(self) -> set[int]:
        """Beads that have a Z-LUT."""
        reports = self.ended.reports if self.ended is not None else ()
        return {report.bead_id for report in reports if report.verdict != "lost"}

    @property
    def is_paused(self) -> bool:
        """True while the sweep is held."""
        return self.progress is not None and self.progress.phase == "pause"


def live_image(preview: Mapping[str, object]) -> npt.NDArray[np.uint8]:
    """Return the Z-LUT so far as a picture, planes in the order of the sweep upwards, radii to the right.

    Parameters
    ----------
    preview : mapping
        From `ZLUTSweepDataset.read_preview`.

    Returns
    -------
    ndarray of uint8, (n_steps, profile_length)
        Black where nothing is known yet.
    """
    steps = np.asarray(preview["step_indices"], np.int64)
    profiles = np.asarray(preview["profiles"], np.float64)
    n_steps, length = int(str(preview["n_steps"])), int(str(preview["profile_length"]))
    known = np.isfinite(profiles)
    count, total = np.zeros((n_steps, length)), np.zeros((n_steps, length))
    np.add.at(count, steps, known)
    np.add.at(total, steps, np.where(known, profiles, 0.0))
    mean = total / np.where(count, count, 1)
    if not count.any():
        return np.zeros((n_steps, length), np.uint8)
    low, high = np.percentile(mean[count > 0], [1, 99])
    grey = np.clip(1 + 254 * (mean - low) / max(high - low, 1e-9), 1, 255)
    picture: npt.NDArray[np.uint8] = np.where(count > 0, grey, 0).astype(np.uint8)[::-1].copy()
    return picture


def plan_text(plan: SweepPlan, fps: float) -> tuple[str, bool]:
    """Return what a plan means, or what is wrong with it; and whether it can be started."""
    problems = plan.problems()
    if problems:
        return "; ".join(problems), False
    seconds = plan.n_steps * (_MOVE_S + plan.settle_s + (plan.settle_frames + plan.frames + 2) / fps)
    return f"{plan.n_steps} planes, about {duration_text(seconds)}", True


def progress_text(progress: SweepProgress) -> str:
    """Return what a sweep does, and for how long yet."""
    left = f", {duration_text(progress.left_s)} left" if math.isfinite(progress.left_s) else ""
    return f"{progress.text}{left}"


def ended_text(state: CalibrationState) -> str:
    """Return how the last sweep ended."""
    ended = state.ended
    if ended is None:
        return "" if state.used is None else f"beads are tracked with {state.used}"
    if ended.cancelled:
        return "Cancelled: nothing was kept"
    if ended.error:
        return f"Failed: {ended.error}"
    good = sum(report.verdict == "good" for report in ended.reports)
    lines = [f"{good} of {len(ended.reports)} beads have a good Z-LUT"]
    if state.saved is not None:
        lines.append(f"saved in {state.saved}")
    if state.used is not None:
        same = state.used == state.saved
        lines.append(f"beads are tracked with {'these Z-LUTs' if same else state.used}")
    # Where it was too much, that is one of the warnings.
    drift = [ended.drift] if ended.drift and ended.drift not in ended.warnings else []
    return "; ".join([*lines, *drift, *ended.warnings])


def report_texts(report: BeadReport) -> tuple[str, ...]:
    """Return the cells of a bead's line, the first of which is a box to tick."""
    low, high = report.usable_nm
    usable = f"{low:+.0f} … {high:+.0f}" if math.isfinite(low) else MISSING
    return (
        "",
        str(report.bead_id),
        report.role,
        report.verdict,
        number_text(report.sigma_z_nm, 1),
        usable,
    )


def remarks_text(report: BeadReport) -> str:
    """Return what is to be known of a bead's Z-LUT, above all why it is poor or lost."""
    said = list(report.remarks) or ["nothing speaks against its Z-LUT"]
    if math.isfinite(report.contrast):
        said.append(f"contrast of the rings {100 * report.contrast:.1f} %")
    if math.isfinite(report.residual_nm):
        said.append(f"its planes are found {number_text(report.residual_nm, 1)} nm from where they were, rms")
    if math.isfinite(report.drift_nm):
        own = f"{report.drift_nm:+.1f} ± {report.drift_sigma_nm:.1f} nm"
        said.append(f"it moved by {own} from the first plane to the last")
    return f"Bead {report.bead_id} is {report.verdict}: {'; '.join(said)}"


def first_to_judge(reports: Sequence[BeadReport]) -> int:
    """Return which line to look at first: the first bead that something speaks against, else the first."""
    return next((row for row, report in enumerate(reports) if report.verdict != "good"), 0)
