"""What the processes have told the window, reduced to what it shows."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatchmethod
from pathlib import Path

from gui.models.calibration import CalibrationState
from gui.models.rates import RateHistory
from magscope_app.calibration.messages import SweepEnded, SweepProgress, ZLUTsSaved, ZLUTsUsed
from magscope_app.config import CameraConfig, RecordingMode
from magscope_app.devices.setting import Setting, SettingValue
from magscope_app.feedback.state import LockName, LockState
from magscope_app.messages import (
    Bead,
    BeadsChanged,
    BeadsFound,
    CameraReady,
    CameraSettings,
    CommandRefused,
    LogEntry,
    LogHistory,
    Message,
    MotorChanged,
    MotorInfo,
    MotorsReady,
    MotorStatus,
    RecordingFinished,
    RecordingProgress,
    RecordingStarted,
    Shutdown,
    SystemStatus,
    VideoReady,
)
from magscope_app.messages.locks import LockChanged
from magscope_app.processes.frame_times import asked_fps, known_exposure_s, told

#: Lines of the log that are kept.
MAX_LOG = 5000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log; `number` counts all lines since the start."""

    number: int
    timestamp_ns: int
    process: str
    level: int
    text: str


@dataclass
class State:
    """Everything known from messages. `apply` takes them one by one; nothing here touches Qt.

    Parameters
    ----------
    clock : callable
        Session clock in ns, for messages that carry no time.
    """

    clock: Callable[[], int]
    video_ready: bool = False
    bits: int = 8
    #: As they were when the camera was opened, and as they are now.
    camera_opened: tuple[Setting, ...] = ()
    camera_settings: tuple[Setting, ...] = ()
    camera_version: int = 0
    #: When another exposure or rate was told last; None as long as both are what they were.
    retimed_ns: int | None = None
    motors: tuple[MotorInfo, ...] = ()
    motor_states: dict[str, MotorStatus] = field(default_factory=dict)
    locks: dict[LockName, LockState] = field(default_factory=dict)
    beads: dict[int, Bead] = field(default_factory=dict)
    beads_version: int = -1
    roi_px: int = 0
    next_id: int = 0
    #: Candidates (x_px, y_px, score) of the newest preview of a search; None as long as none has come.
    found: tuple[tuple[float, float, float], ...] | None = None
    status: SystemStatus | None = None
    status_at_ns: int = 0
    #: Since when the camera, which should, gives no frames.
    _silent_at_ns: int | None = None
    rates: RateHistory = field(default_factory=RateHistory)
    recording: Path | None = None
    recording_mode: RecordingMode | None = None
    progress: RecordingProgress | None = None
    finished: RecordingFinished | None = None
    starting: bool = False
    stopping: bool = False
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=MAX_LOG))
    log_count: int = 0
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=50))
    #: Errors that were told and are so no longer.
    settled: deque[str] = field(default_factory=lambda: deque(maxlen=50))
    #: Sentences about what is done, for a line that goes by itself.
    done: deque[str] = field(default_factory=lambda: deque(maxlen=50))
    calibration: CalibrationState = field(default_factory=CalibrationState)
    shutdown: bool = False
    #: What was told against each axis and is not settled.
    _troubles: dict[str, set[str]] = field(default_factory=dict)
    #: What was told of each process that does not run.
    _ends: dict[str, list[str]] = field(default_factory=dict)

    @property
    def status_age_s(self) -> float:
        """Age of the newest status; 0 before the first."""
        return 0.0 if self.status is None else (self.clock() - self.status_at_ns) * 1e-9

    @property
    def silent_s(self) -> float:
        """How long the camera, which should, has given no frames; 0 where it gives some."""
        return 0.0 if self._silent_at_ns is None else (self.clock() - self._silent_at_ns) * 1e-9

    def asked_fps(self, configured: CameraConfig) -> float:
        """Return the rate that the camera is set to: as it describes it, else as configured."""
        return asked_fps(configured, self.camera_settings)

    def exposure_s(self, configured: CameraConfig) -> float | None:
        """Return the exposure of a frame: as the camera describes it, else as configured, else None."""
        return known_exposure_s(configured, self.camera_settings)

    def fps(self, configured: CameraConfig) -> float:
        """Return the rate of the camera now: the measured one as long as frames come.

        Where the camera describes its rate, a change of it counts at once.
        """
        asked = self.asked_fps(configured)
        measured = 0.0 if self.status is None else self.status.fps
        if measured <= 0:
            return asked
        is_described = told(self.camera_settings, "fps") is not None
        return min(asked, measured) if is_described else measured

    def note(self, process: str, level: int, text: str, timestamp_ns: int | None = None) -> None:
        """Add a line to the log."""
        at_ns = self.clock() if timestamp_ns is None else timestamp_ns
        self.log.append(LogLine(self.log_count, at_ns, process, level, text))
        self.log_count += 1

    def warn(self, text: str) -> None:
        """Show an error of the window itself to the user, and note it in the log."""
        self.note("gui", logging.ERROR, text)
        self.notices.append(text)

    def tell(self, text: str) -> None:
        """Show the user that something is done, and note it in the log."""
        self.note("gui", logging.INFO, text)
        self.done.append(text)

    @singledispatchmethod
    def apply(self, _message: Message) -> None:
        """Take a message; one that concerns no window is passed over."""

    @apply.register
    def _(self, message: VideoReady) -> None:
        self.video_ready = True
        self.bits = message.format.bits

    @apply.register
    def _(self, message: CameraReady) -> None:
        self.bits = message.format.bits
        self.camera_opened = message.settings
        self._set_camera(message.settings)

    @apply.register
    def _(self, message: CameraSettings) -> None:
        self._set_camera(message.settings)

    def _set_camera(self, settings: tuple[Setting, ...]) -> None:
        if self.camera_version and _timing(settings) != _timing(self.camera_settings):
            self.retimed_ns = self.clock()
        self.camera_settings = settings
        self.camera_version += 1

    @apply.register
    def _(self, message: SweepProgress) -> None:
        self.calibration.go_on(message)

    @apply.register
    def _(self, message: SweepEnded) -> None:
        self.calibration.end(message)

    @apply.register
    def _(self, message: ZLUTsSaved) -> None:
        self.calibration.saved = message.path

    @apply.register
    def _(self, message: ZLUTsUsed) -> None:
        self.calibration.used = message.path

    @apply.register
    def _(self, message: MotorsReady) -> None:
        self.motors = message.motors

    @apply.register
    def _(self, message: MotorChanged) -> None:
        self._take_motor(message.status)
        if not message.status.is_well and message.status.text:
            self._troubles.setdefault(message.status.name, set()).add(message.status.text)
            self.notices.append(message.status.text)

    def _take_motor(self, status: MotorStatus) -> None:
        """Note the state of an axis; what was said against one that is well again is settled."""
        self.motor_states[status.name] = status
        if status.is_well and status.state in ("ready", "moving"):
            self.settled.extend(self._troubles.pop(status.name, ()))

    def _note_end(self, text: str) -> None:
        for process in () if self.status is None else self.status.processes:
            if text.startswith(f"the {process.name} process ended"):
                self._ends.setdefault(process.name, []).append(text)

    def _settle_end(self, name: str) -> None:
        """Add to what was told of the end of a process that it runs again."""
        if told := self._ends.pop(name, None):
            self.settled.extend(told)
            self.notices.append(f"{told[-1]} – it runs again")

    @apply.register
    def _(self, message: LockChanged) -> None:
        before = self.locks.get(message.state.name)
        self.locks[message.state.name] = message.state
        if message.state.let_go and (before is None or not before.let_go):
            self.notices.append(message.state.text)

    @apply.register
    def _(self, message: BeadsChanged) -> None:
        self.beads = {bead.id: bead for bead in sorted(message.beads, key=lambda bead: bead.id)}
        self.beads_version = message.version
        self.roi_px = message.roi_px or self.roi_px
        self.next_id = message.next_id

    @apply.register
    def _(self, message: BeadsFound) -> None:
        self.found = message.centres

    @apply.register
    def _(self, message: SystemStatus) -> None:
        self.status = message
        for status in message.motors:
            self._take_motor(status)
        for process in message.processes:
            if process.state == "running":
                self._settle_end(process.name)
        self.rates.add(message)
        self.recording = message.recording
        self.status_at_ns = self.clock()
        if not message.acquiring or message.fps > 0:
            self._silent_at_ns = None
        elif self._silent_at_ns is None:
            self._silent_at_ns = self.status_at_ns

    @apply.register
    def _(self, message: RecordingStarted) -> None:
        self.recording, self.recording_mode = message.path, message.mode
        self.progress = self.finished = None
        self.starting = self.stopping = False

    @apply.register
    def _(self, message: RecordingProgress) -> None:
        self.progress = message

    @apply.register
    def _(self, message: RecordingFinished) -> None:
        self.finished = message
        self.recording = None
        self.starting = self.stopping = False

    @apply.register
    def _(self, message: LogEntry) -> None:
        self.note(message.process, message.level, message.text, message.timestamp_ns)
        if message.level >= logging.ERROR:
            self.notices.append(message.text)
            self._note_end(message.text)

    @apply.register
    def _(self, message: LogHistory) -> None:
        for entry in message.entries:
            self.note(entry.process, entry.level, entry.text, entry.timestamp_ns)
        self.notices.append(message.why)

    @apply.register
    def _(self, message: CommandRefused) -> None:
        if message.command == "StartRecording":
            self.starting = False
        # The supervisor logs every refusal; here it is only shown.
        self.notices.append(message.text)

    @apply.register
    def _(self, _message: Shutdown) -> None:
        self.shutdown = True


def _timing(settings: tuple[Setting, ...]) -> dict[str, SettingValue]:
    return {setting.name: setting.value for setting in settings if setting.name in ("exposure_ms", "fps")}
