"""What is said about sweeps and Z-LUTs between processes; see `magscope_app.messages`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from magscope_app.calibration.plan import SweepPlan
from magscope_app.calibration.report import BeadReport
from magscope_app.clock import WallAnchor
from magscope_app.messages import Bead, Message


@dataclass(frozen=True, slots=True)
class StartSweep(Message):
    """Sweep the focus and make a Z-LUT of each bead; the good ones go to `out` (None: nowhere yet).

    An older file is refused, unless it is to be replaced (`overwrite`).
    """

    plan: SweepPlan
    out: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class SweepOrder(Message):
    """Experiment: sweep, with everything the dataset of the sweep has to say about itself."""

    plan: SweepPlan
    out: Path | None
    overwrite: bool
    folder: Path
    config_text: bytes
    anchor: WallAnchor
    facts: dict[str, Any]
    beads: tuple[Bead, ...]
    roi_px: int


@dataclass(frozen=True, slots=True)
class PauseSweep(Message):
    """Hold the sweep before its next plane, or let it go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class CancelSweep(Message):
    """Break the sweep off: nothing is kept, and the focus returns unless it is to `stay` where it is."""

    stay: bool = False


@dataclass(frozen=True, slots=True)
class SweepBegins(Message):
    """Supervisor: a sweep is about to move the focus, which nobody else may hold from now on."""


@dataclass(frozen=True, slots=True)
class FocusIsFree(Message):
    """Experiment: nobody else holds the focus, and nobody will until the sweep has ended."""


@dataclass(frozen=True, slots=True)
class MakeSweepBuffer(Message):
    """Supervisor: make a `ZLUTSweepDataset` of these sizes in the place of the last one."""

    capacity: int
    profile_length: int
    n_steps: int
    n_beads: int
    profiles_per_bead: int


@dataclass(frozen=True, slots=True)
class SweepBufferReady(Message):
    """The `ZLUTSweepDataset` of a sweep can be attached to."""


#: What a sweep is doing.
SweepPhase = Literal["prepare", "force", "sweep", "pause", "return", "build"]


@dataclass(frozen=True, slots=True)
class SweepProgress(Message):
    """How far a sweep is: planes (or beads, while Z-LUTs are made) done of all; NaN seconds are not known."""

    phase: SweepPhase
    done: int
    total: int
    left_s: float
    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepEnded(Message):
    """A sweep has ended; nothing was kept where `error` or `cancelled` is set and there is no dataset.

    Attributes
    ----------
    reports : tuple of BeadReport
        Every bead with what its Z-LUT is worth.
    dataset : Path or None
        The sweep's images.
    saved : Path or None
        The Z-LUTs, where the order named a file.
    error : str
        Why there is no result.
    cancelled : bool
        True where that was asked for.
    warnings : tuple of str
        What the user should know.
    drift : str
        How far the sample drifted meanwhile; nothing where that is not known.
    """

    reports: tuple[BeadReport, ...] = ()
    dataset: Path | None = None
    saved: Path | None = None
    error: str = ""
    cancelled: bool = False
    warnings: tuple[str, ...] = ()
    drift: str = ""


@dataclass(frozen=True, slots=True)
class SaveZLUTs(Message):
    """Write the last sweep's Z-LUTs of these beads to a file; `use`: track with them from now on.

    An older file is refused, unless it is to be replaced (`overwrite`).
    """

    path: Path
    bead_ids: tuple[int, ...]
    use: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class ZLUTsSaved(Message):
    """The Z-LUTs of so many beads are in a file."""

    path: Path
    n_beads: int


@dataclass(frozen=True, slots=True)
class UseZLUTs(Message):
    """Tracking: take the Z-LUTs of this file from the next frame on; or of the `copy` that was made of it."""

    path: Path
    copy: Path | None = None


@dataclass(frozen=True, slots=True)
class ZLUTsUsed(Message):
    """Beads are tracked with the Z-LUTs of this file, as it is in the `copy`, from this frame on."""

    path: Path
    frame_id: int = 0
    copy: Path | None = None


@dataclass(frozen=True, slots=True)
class ZLUTsLoaded(Message):
    """Beads are tracked with the Z-LUTs of the config, as they are in this copy, from the start."""

    copy: Path
