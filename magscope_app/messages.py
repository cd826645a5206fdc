"""Everything that processes say to each other: frozen dataclasses, all in one place.

Commands go towards the process that carries them out, notifications come back; both travel through
pipes by way of the supervisor. Pixels and rows never do: they go through shared memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from magscope_app.clock import WallAnchor
from magscope_app.config import BeadRole, RecordingMode
from magscope_app.devices.camera import FrameFormat
from magscope_app.devices.setting import Setting, SettingValue


@dataclass(frozen=True, slots=True)
class Message:
    """Anything that may go through a pipe."""


# --- shared vocabulary -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bead:
    """A bead of the list: centre of its ROI in pixels and what it is for."""

    id: int
    x_px: float
    y_px: float
    role: BeadRole = "tethered"


@dataclass(frozen=True, slots=True)
class MotorInfo:
    """What is known of an axis once it is open."""

    name: str
    role: str
    unit: str
    limits: tuple[float, float]


#: What an axis is doing. A move that did not arrive leaves "error", which the next command ends; an axis
#: that does not answer is "lost" until it is reconnected.
MotorState = Literal["closed", "opening", "ready", "moving", "error", "lost"]


@dataclass(frozen=True, slots=True)
class MotorStatus:
    """State of an axis; the text says what happened, and what to do, where there is something to say."""

    name: str
    state: MotorState
    text: str = ""

    @property
    def is_well(self) -> bool:
        """False after an error, and while the axis does not answer."""
        return self.state not in ("error", "lost")


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
    #: Of the recorded frames those whose image the user's processor left out on purpose.
    frames_left_out: int = 0

    @property
    def frames_lost(self) -> int:
        """All losses together."""
        return self.lost_upstream + self.lost_ring + self.lost_tracking + self.lost_recording


# --- life of the line --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProcessReady(Message):
    """A process has started and waits for work."""

    process: str


@dataclass(frozen=True, slots=True)
class Heartbeat(Message):
    """A process's loop turns."""


@dataclass(frozen=True, slots=True)
class CameraReady(Message):
    """The camera is open."""

    format: FrameFormat
    settings: tuple[Setting, ...]
    tick_source: str


@dataclass(frozen=True, slots=True)
class VideoReady(Message):
    """The video buffer exists and can be attached to."""

    format: FrameFormat


@dataclass(frozen=True, slots=True)
class StartAcquisition(Message):
    """Camera: acquire from now on."""


@dataclass(frozen=True, slots=True)
class FirstFrame(Message):
    """The first frame of an acquisition is in the ring; its time on the session clock."""

    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class StopAcquisition(Message):
    """Camera: stop acquiring."""


@dataclass(frozen=True, slots=True)
class AcquisitionStopped(Message):
    """The camera acquires no more.

    Attributes
    ----------
    reason : str
        Empty when it was told to stop.
    seconds : float
        Time that its frames cover.
    """

    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shutdown(Message):
    """End, releasing everything."""


@dataclass(frozen=True, slots=True)
class Quit(Message):
    """The user wants everything to end (window closed)."""


@dataclass(frozen=True, slots=True)
class ProcessFailed(Message):
    """A process cannot go on; the text is for the user."""

    process: str
    text: str


@dataclass(frozen=True, slots=True)
class ProcessDied(Message):
    """A process ended unasked."""

    process: str
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class LogEntry(Message):
    """One line of the log."""

    timestamp_ns: int
    process: str
    level: int
    text: str


# --- devices -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetCameraSetting(Message):
    """Change a setting of the camera."""

    name: str
    value: SettingValue


@dataclass(frozen=True, slots=True)
class CameraSettings(Message):
    """The camera's settings as they are now."""

    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class MoveMotor(Message):
    """Move an axis to a position in its unit; `token` comes back with a refusal."""

    motor: str
    position: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class JogMotor(Message):
    """Move an axis by a distance in its unit; `token` comes back with a refusal."""

    motor: str
    distance: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class HomeMotor(Message):
    """Look for an axis's reference position; `token` comes back with a refusal."""

    motor: str
    token: int = 0


@dataclass(frozen=True, slots=True)
class ReconnectMotor(Message):
    """Close an axis and open it anew, without moving it; `token` comes back with a refusal."""

    motor: str
    token: int = 0


@dataclass(frozen=True, slots=True)
class SetForce(Message):
    """Move the magnets to where the force is this; `token` comes back with a refusal."""

    force_pn: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class RampForce(Message):
    """Move the magnets so that the force goes from what it is to this at a constant loading rate (> 0)."""

    force_pn: float
    rate_pn_s: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class StopMotors(Message):
    """Stop all axes at once."""


@dataclass(frozen=True, slots=True)
class MotorsReady(Message):
    """The axes are open."""

    motors: tuple[MotorInfo, ...]


@dataclass(frozen=True, slots=True)
class MotorChanged(Message):
    """An axis is in another state, or something else is to be said about it."""

    status: MotorStatus


@dataclass(frozen=True, slots=True)
class Fault(Message):
    """Let a simulated device ("camera", or a motor) go wrong now: a kind of ``simulation.faults``."""

    device: str
    fault: str
    duration_s: float | None = None
    count: int = 1
    at_position: float | None = None
    token: int = 0


@dataclass(frozen=True, slots=True)
class CommandRefused(Message):
    """A command was not carried out; the text says why and what to do."""

    process: str
    text: str
    token: int = 0


# --- beads -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FindBeads(Message):
    """Tracking: look for beads in the newest frame."""


@dataclass(frozen=True, slots=True)
class BeadsFound(Message):
    """Centres (x_px, y_px, score) of the beads that were found, best first."""

    centres: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class AddBead(Message):
    """Add a bead whose ROI is centred here; it gets the next free id."""

    x_px: float
    y_px: float
    role: BeadRole = "tethered"


@dataclass(frozen=True, slots=True)
class MoveBead(Message):
    """Centre the ROI of a bead here."""

    bead_id: int
    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True)
class SetBeadRole(Message):
    """Say what a bead is for."""

    bead_id: int
    role: BeadRole


@dataclass(frozen=True, slots=True)
class RemoveBeads(Message):
    """Take beads off the list."""

    bead_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SelectBead(Message):
    """Tracking: write the radial profile of this bead to the live buffer (None: of none)."""

    bead_id: int | None


@dataclass(frozen=True, slots=True)
class BeadsChanged(Message):
    """The bead list as it is now."""

    beads: tuple[Bead, ...]
    version: int


# --- experiment --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubmitProtocol(Message):
    """Run a protocol, a function ``"module:function"`` that takes a Microscope, after those that wait."""

    function: str


@dataclass(frozen=True, slots=True)
class StopProtocol(Message):
    """Let a protocol end in order."""

    function: str


@dataclass(frozen=True, slots=True)
class AbortProtocol(Message):
    """Break a protocol off; the motors stop."""

    function: str


@dataclass(frozen=True, slots=True)
class ProtocolEnded(Message):
    """A protocol has ended; `error` is empty if all went well."""

    function: str
    error: str = ""


# --- recording ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartRecording(Message):
    """Start a dataset; what is None comes from the config."""

    folder: Path | None = None
    name: str | None = None
    mode: RecordingMode | None = None


@dataclass(frozen=True, slots=True)
class RecordingOrder(Message):
    """Recorder: record from the next frame on, with everything the dataset has to say about itself.

    Attributes
    ----------
    folder, name : Path and str
        Where, and what it is called.
    mode : str
        What is recorded.
    config_text : bytes
        The config file.
    anchor : WallAnchor
        The session clock.
    facts : dict
        What goes into dataset.json.
    resume : Path or None
        Go on in this dataset, whose recorder has ended, instead of making one: a new part begins, what is
        stored already is skipped, the counters go on, and the event "recorder restarted" has the seam.
        `folder` and `name` do not count then.
    """

    folder: Path
    name: str
    mode: RecordingMode
    config_text: bytes
    anchor: WallAnchor
    facts: dict[str, Any]
    resume: Path | None = None


@dataclass(frozen=True, slots=True)
class RecordingStarted(Message):
    """The dataset exists and takes data."""

    path: Path
    mode: RecordingMode


@dataclass(frozen=True, slots=True)
class RecordingProgress(Message):
    """What is safe on disk (flushed to the operating system), and for how long the disk lasts."""

    frames_recorded: int
    disk_minutes: float = float("inf")


@dataclass(frozen=True, slots=True)
class StopRecording(Message):
    """Finish the dataset with the last frame before `stop_frame_id` (None: with the newest)."""

    stop_frame_id: int | None = None
    exit_status: str = "completed"


@dataclass(frozen=True, slots=True)
class RenameRecording(Message):
    """Give the running dataset another name; its folder follows when it is finished."""

    name: str


@dataclass(frozen=True, slots=True)
class AddNote(Message):
    """Keep a sentence of the user in the running dataset."""

    text: str


@dataclass(frozen=True, slots=True)
class RecordingFinished(Message):
    """The dataset is complete, or `error` says why it is not."""

    path: Path
    exit_status: str
    counters: Counters
    error: str = ""


@dataclass(frozen=True, slots=True)
class Event(Message):
    """Something to be kept in the dataset's events: a command, a changed setting, a note, a loss."""

    kind: str
    frame_id: int
    timestamp_ns: int
    fields: dict[str, Any] = field(default_factory=dict)


# --- what the user sees ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One line of the process list.

    Attributes
    ----------
    name : str
        What it does.
    state : str
        starting, running, slow (no sign of life for a while), hung (none for long), dead, restarting, failed
        (dead, and not started again), ended.
    pid : int or None
        Of the operating system.
    """

    name: str
    state: str
    pid: int | None = None


#: States of a process that need no attention.
_WELL = ("starting", "running", "ended")


@dataclass(frozen=True, slots=True)
class SystemStatus(Message):
    """The state of everything, a few times a second.

    Attributes
    ----------
    timestamp_ns : int
        Session clock when it was taken.
    acquiring : bool
        True while the camera acquires.
    fps : float
        Frames per second now.
    beads : int
        Beads on the list.
    buffer_level : float
        Fraction of the ring that the slowest reader has still to read, 0 to 1.
    counters : Counters
        Since the start of the session.
    recording : Path or None
        The dataset that is being written.
    recording_seconds : float
        Its duration so far.
    free_disk_bytes : int
        Where it is (or would be) written.
    processes : tuple of ProcessState
        All processes.
    awake : bool
        True where the computer is kept from sleeping.
    motors : tuple of MotorStatus
        All axes of the config.
    """

    timestamp_ns: int
    acquiring: bool
    fps: float
    beads: int
    buffer_level: float
    counters: Counters
    recording: Path | None
    recording_seconds: float
    free_disk_bytes: int
    processes: tuple[ProcessState, ...]
    awake: bool
    motors: tuple[MotorStatus, ...] = ()

    @property
    def troubled(self) -> tuple[tuple[str, str], ...]:
        """Name and state of every axis and process that needs attention."""
        axes = tuple((one.name, one.state) for one in self.motors if not one.is_well)
        return axes + tuple((one.name, one.state) for one in self.processes if one.state not in _WELL)
