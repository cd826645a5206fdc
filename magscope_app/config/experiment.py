"""Sections that describe the experiment: session, beads, tracking, recording, the run itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, model_validator

from magscope_app.config.section import Section

BeadRole = Literal["tethered", "reference"]
RestartPolicy = Literal["always", "never"]
RecordingMode = Literal[
    "Track", "Track and Video (ROIs)", "Track and Video (Full)", "Video (ROIs)", "Video (Full)"
]


class SessionInfo(Section):
    """Who measures what; written into every dataset."""

    name: str = Field("session", description="Name of recordings for which none is given.")
    operator: str = Field("", description="Who measures.")
    notes: str = Field("", description="Free text.")


class Drivers(Section):
    """Where drivers of your own are found."""

    path: tuple[Path, ...] = Field(
        (), description="Folders appended to the import path of every process; the config's own if not given."
    )


class Buffer(Section):
    """Sizes of the shared memory between camera and tracking."""

    seconds: float = Field(
        2.0,
        gt=0,
        le=600,
        description="Video that the ring holds. Tracking, and the recording of video, may stand still for "
        "about so long before frames are lost; it takes bytes of a frame × fps × seconds of memory.",
    )
    n_images: int = Field(16, ge=1, le=1000, description="Frames that tracking takes at most at once.")
    tracks_rows: int = Field(200_000, ge=1000, le=100_000_000, description="Bead rows kept in memory.")


class BeadEntry(Section):
    """One bead of the list."""

    id: int = Field(ge=0, le=9999, description="Number of the bead.")
    x_px: float = Field(ge=0, description="Column of its centre.")
    y_px: float = Field(ge=0, description="Row of its centre.")
    role: BeadRole = Field("tethered", description="tethered, or reference for a stuck bead.")


class Beads(Section):
    """Which beads are tracked."""

    roi_px: int = Field(64, ge=16, le=256, description="Side of the square ROI around each bead.")
    find: bool = Field(False, description="Find the beads in the first frame.")
    max_beads: int = Field(1000, ge=1, le=10_000, description="Most beads at once.")
    file: Path | None = Field(None, description="Bead list as CSV with the columns id, x_px, y_px, role.")
    list: tuple[BeadEntry, ...] = Field((), description="Beads given here.")

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Beads:
        ids = [bead.id for bead in self.list]
        twice = sorted({bead_id for bead_id in ids if ids.count(bead_id) > 1})
        if twice:
            raise ValueError(f"list has the bead id {', '.join(map(str, twice))} more than once")
        too_high = [bead_id for bead_id in ids if bead_id >= self.max_beads]
        if too_high:
            raise ValueError(f"list has the bead id {max(too_high)}, but max_beads is {self.max_beads}")
        return self


class Tracking(Section):
    """How beads are tracked."""

    method: Literal["qi", "fast", "full"] = Field(
        "fast",
        description="fast: steps towards a fit of all pixels, prepared beforehand; as exact as full and far "
        "faster. full: a fit of all pixels to the Z-LUT, at the limit that noise sets. qi: quadrant "
        "interpolation and Z-LUT correlation; without a Z-LUT every method is this one.",
    )
    threads: int = Field(1, ge=1, le=64, description="Threads that share the beads of a batch.")
    zlut: Path | None = Field(None, description="Z-LUT file; without one there is no z.")
    recorded_focus: Path | None = Field(
        None, description="Dataset that is played again and whose focus_nm is used again (replay only)."
    )


class Recording(Section):
    """What is written, and where."""

    folder: Path = Field(
        default_factory=lambda: Path(platformdirs.user_documents_dir()) / "MagScope",
        description="Where every recording makes a folder of its own; by default MagScope in your documents.",
    )
    mode: RecordingMode = Field(
        "Track", description="Bead rows, video of whole frames or of the ROIs, or both."
    )
    start: bool = Field(False, description="Record from the first frame.")
    rotate_minutes: float | None = Field(
        None, gt=0, le=10_000, description="Files go on in a new part after so many minutes."
    )
    rotate_gb: float | None = Field(
        None, gt=0.001, le=10_000, description="Files go on in a new part at this size, in 10⁹ bytes."
    )
    process_fn: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description='Function of your own that sees every image before it is stored, as "module:function".',
    )
    storage: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description='Storage of your own for the images, as "module:Class"; NDTiff files if not given.',
    )
    free_disk_minutes: float = Field(
        10.0, ge=0, le=10_000, description="Warn when the disk will be full in less time."
    )


class Experiment(Section):
    """What the microscope does by itself."""

    protocol: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description='Function of your own that is run with the microscope, as "module:function"; '
        "without a window and --duration the run ends with it.",
    )


class Restart(Section):
    """Which processes are started again when they die: after growing pauses, six times in 5 minutes."""

    camera: RestartPolicy = Field("always", description="Frame ids go on; the gap stands in the ledger.")
    tracking: RestartPolicy = Field("always", description="It goes on with the frame it had reached.")
    recording: RestartPolicy = Field("always", description="It goes on in the same dataset, in a new part.")
    motors: RestartPolicy = Field("always", description="The axes are opened again and do not move.")


class Supervisor(Section):
    """What happens when a part fails."""

    restart: Restart = Restart()
    heartbeat_s: float = Field(
        1.0,
        ge=0.1,
        le=60,
        description="A process without a sign of life for so long is called slow, after six times that hung; "
        "a hung camera, tracking or motors process, and after 120 times that the recording one, is killed "
        "and started again. A hung feedback process is killed, too, and not started again: the locks are "
        "off.",
    )
    on_child_death: Literal["shutdown", "continue"] = Field(
        "shutdown",
        description="When a process is not started again: end everything cleanly, or go on with those left.",
    )


class Gui(Section):
    """The window."""

    theme: Literal["dark", "light", "system"] = Field("system", description="Colours of the window.")
