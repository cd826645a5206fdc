"""The supervisor: owns shared memory and bead list, starts and watches the processes, routes messages."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from magscope_app.clock import WallAnchor
from magscope_app.config import LoadedConfig
from magscope_app.datatypes import Session
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError
from magscope_app.messages import (
    AcquisitionStopped,
    BeadsFound,
    CameraReady,
    CameraSettings,
    CommandRefused,
    Counters,
    Event,
    FindBeads,
    HomeMotor,
    JogMotor,
    LogEntry,
    Message,
    MotorsReady,
    MoveMotor,
    ProcessDied,
    ProcessFailed,
    ProcessReady,
    Quit,
    RecordingFinished,
    RecordingOrder,
    RecordingProgress,
    RecordingStarted,
    SelectBead,
    SetCameraSetting,
    StartAcquisition,
    StartRecording,
    StopAcquisition,
    StopMotors,
    StopRecording,
    SystemStatus,
    VideoReady,
)
from magscope_app.operating_system import keep_awake
from magscope_app.processes.bead_owner import BeadOwner, BeadRefused, beads_of_config
from magscope_app.processes.children import Child, Children
from magscope_app.processes.facts import dataset_facts
from magscope_app.processes.handles import make_handles
from magscope_app.processes.segments import Segments, expected_format, matrix_shapes
from magscope_app.processes.status_board import StatusBoard

_log = logging.getLogger(__name__)
#: The loop looks at everything at least this often; deaths and messages wake it at once.
_TICK_S = 0.1
_STATUS_EVERY_S = 0.25
#: A device may take its time to open; beyond this the start is given up.
_START_TIMEOUT_S = 60.0
#: Parts of an orderly end: the camera stops, the recording is finished.
_STOP_CAMERA_S, _FINISH_RECORDING_S = 0.5, 10.0
EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130

#: To which process a command goes.
_ROUTES: dict[type[Message], str] = {
    SetCameraSetting: "camera",
    MoveMotor: "motors",
    JogMotor: "motors",
    HomeMotor: "motors",
    StopMotors: "motors",
    FindBeads: "tracking",
    SelectBead: "tracking",
}
#: Notifications that the window wants to see as they are.
_FOR_WINDOW = (CameraSettings, CommandRefused, RecordingStarted, RecordingProgress, RecordingFinished, LogEntry, MotorsReady)


@dataclass(frozen=True)
class RunOptions:
    """How a config is to be run.

    Attributes
    ----------
    headless : bool
        Without a window.
    duration_s : float or None
        End so long after the first frame.
    record : Path or None
        Record from the first frame into this folder.
    name : str or None
        Name of that recording.
    """

    headless: bool = False
    duration_s: float | None = None
    record: Path | None = None
    name: str | None = None


@dataclass(frozen=True)
class Listeners:
    """Whom the supervisor tells: the status line, or a test."""

    on_log: Callable[[LogEntry], None]
    on_status: Callable[[SystemStatus], None]


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes
    ----------
    exit_code : int
        0 after an orderly end, 130 after Ctrl-C, 1 after a failure.
    counters : Counters
        What became of the frames.
    seconds : float
        From the first frame to the end of acquisition.
    recordings : tuple of RecordingFinished
        The datasets that were written.
    error : str
        What went wrong, for the user.
    """

    exit_code: int
    counters: Counters
    seconds: float
    recordings: tuple[RecordingFinished, ...] = ()
    error: str = ""


class Supervisor:
    """Runs one config from the first process to the last segment removed.

    Parameters
    ----------
    loaded : LoadedConfig
        Checked already.
    options : RunOptions
        From the command line.
    listeners : Listeners
        Told of log and status.
    """

    def __init__(self, loaded: LoadedConfig, options: RunOptions, listeners: Listeners) -> None:
        self._loaded = loaded
        self._config = loaded.config
        self._options = options
        self._listeners = listeners
        self._anchor = WallAnchor.measure()
        self._children = Children()
        self._board = StatusBoard(self._anchor, options.record or self._config.recording.folder)
        self._ready: set[str] = set()
        self._camera: CameraReady | None = None
        self._motors = MotorsReady(())
        self._acquiring = False
        self._first_frame_s: float | None = None
        self._acquired_for_s = 0.0
        self._recordings: list[RecordingFinished] = []
        self._stopping = ""
        self._interrupted = False
        self._errors: list[str] = []
        self._status_due = 0.0

    # --- life --------------------------------------------------------------------------------

    def run(self) -> RunResult:
        """Start everything, run until it is time to end, end everything."""
        with _Signals(self._on_signal), closing(Session.create()) as session, keep_awake() as awake:
            self._awake = awake
            context = multiprocessing.get_context("spawn")
            shapes = matrix_shapes(self._config)
            handles = make_handles(context, self._config, session, self._anchor.session_start_ns, shapes)
            self._segments = Segments(handles, shapes)
            try:
                self._beads = BeadOwner(self._segments.rois, self._config.beads.roi_px)
                self._children.start(context, self._process_names(), handles)
                self._start_line()
                while not self._stopping:
                    self._turn()
                    self._check_time()
                self._end_line()
            except MagscopeError as error:
                self._fail(str(error))
            finally:
                self._children.end_all()
                counters = self._board.counters(self._segments.video)
                self._segments.close()
        return self._result(counters)

    def stop(self, reason: str) -> None:
        """End the run in order; the first reason counts."""
        self._stopping = self._stopping or reason

    def _result(self, counters: Counters) -> RunResult:
        code = EXIT_INTERRUPTED if self._interrupted else EXIT_FAILED if self._errors else EXIT_OK
        return RunResult(code, counters, self._acquired_for_s, tuple(self._recordings), "\n".join(self._errors))

    def _process_names(self) -> list[str]:
        names = ["tracking", "camera", "recording"]
        if self._config.motors:
            names.append("motors")
        return names if self._options.headless else [*names, "gui"]

    def _on_signal(self, number: int) -> None:
        self._interrupted = self._interrupted or number == signal.SIGINT
        self.stop("interrupted")

    def _fail(self, text: str) -> None:
        self._errors.append(text)
        self._log_line(logging.ERROR, text)
        self.stop("failed")

    # --- start and end -----------------------------------------------------------------------

    def _start_line(self) -> None:
        form = expected_format(self._config)
        if form is not None:
            self._make_video(form)
        needed = {"tracking", "recording"} | ({"motors"} if self._config.motors else set())
        self._await(lambda: self._camera is not None and needed <= self._ready, _START_TIMEOUT_S, "the devices to open")
        if self._stopping or self._camera is None:
            return
        if form is None:
            self._make_video(self._camera.format)
        elif form != self._camera.format:
            raise MagscopeError(f"the camera gives {self._camera.format}, but its driver announced {form}; mend the driver")
        self._await(lambda: "tracking-video" in self._ready, _START_TIMEOUT_S, "the tracking process")
        self._beads.add(beads_of_config(self._config))
        self._tell_beads()
        if self._options.record is not None or self._config.recording.start:
            self._start_recording(StartRecording(self._options.record, self._options.name))
            self._await(lambda: self._board.recording is not None, _START_TIMEOUT_S, "the recording to start")
        if self._config.beads.find:
            self._children.send("tracking", FindBeads())
        self._children.send("camera", StartAcquisition())
        self._acquiring = True

    def _make_video(self, form: FrameFormat) -> None:
        self._segments.create_video(form)
        self._beads.format = form
        for name in ("camera", "tracking", "recording", "gui"):
            self._children.send(name, VideoReady(form))

    def _await(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition() and not self._stopping:
            if time.monotonic() > deadline:
                raise MagscopeError(f"gave up waiting {timeout_s:g} s for {what}; look at the log for the reason")
            self._turn()

    def _end_line(self) -> None:
        """Stop the camera, let what was acquired be tracked and recorded, stop the motors."""
        self._stopping, reason = "", self._stopping
        self._children.send("motors", StopMotors())
        if self._acquiring:
            self._children.send("camera", StopAcquisition())
            self._pump(lambda: not self._acquiring or not self._children.alive("camera"), _STOP_CAMERA_S)
        if self._board.recording is not None:
            status = {"interrupted": "interrupted", "failed": "failed"}.get(reason, "completed")
            self._children.send("recording", StopRecording(exit_status=status))
            self._pump(
                lambda: self._board.recording is None or not self._children.alive("recording"), _FINISH_RECORDING_S
            )
        self._stopping = reason

    def _pump(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < deadline:
            self._turn()

    # --- the loop ----------------------------------------------------------------------------

    def _turn(self) -> None:
        """Wait for something to happen, at most a tick, and deal with it."""
        self._children.wait(_TICK_S)
        for child in self._children:
            for message in child.messages():
                self._handle(child, message)
            if child.has_died():
                self._on_death(child)
        self._publish_status()

    def _check_time(self) -> None:
        video = self._segments.video
        if self._first_frame_s is None:
            if video is not None and video.counters().acquired:
                self._first_frame_s = time.monotonic()
            return
        if self._acquiring:
            self._acquired_for_s = time.monotonic() - self._first_frame_s
        duration_s = self._options.duration_s
        if duration_s is not None and self._acquired_for_s >= duration_s:
            self.stop("completed")

    def _publish_status(self) -> None:
        if time.monotonic() < self._status_due:
            return
        self._status_due = time.monotonic() + _STATUS_EVERY_S
        states = [child.process_state() for child in self._children]
        status = self._board.take(
            self._segments.video, self._acquiring, len(self._beads), states, self._acquiring and self._awake.active
        )
        self._listeners.on_status(status)
        self._children.send("gui", status)

    def _log_line(self, level: int, text: str) -> None:
        self._on_log(LogEntry(time.perf_counter_ns(), "supervisor", level, text))

    def _on_log(self, entry: LogEntry) -> None:
        self._listeners.on_log(entry)
        self._children.send("gui", entry)

    def _on_death(self, child: Child) -> None:
        text = f"the {child.name} process ended unexpectedly (exit code {child.exit_code})"
        self._children.send("gui", ProcessDied(child.name, child.exit_code))
        if child.name == "camera":
            self._acquiring = False
        if child.name == "gui":
            self._children.send("motors", StopMotors())
        if child.name == "recording" and self._board.recording is not None:
            self._end_recording_of_dead_recorder()
        going_on = self._config.supervisor.on_child_death == "continue" and self._camera is not None
        if going_on and not self._stopping:
            self._log_line(logging.ERROR, f"{text}; the others go on, as the config says")
            self._errors.append(text)
        else:
            self._fail(f"{text}; everything is ended, what was recorded is safe")

    def _end_recording_of_dead_recorder(self) -> None:
        path = self._board.recording
        assert path is not None
        finished = RecordingFinished(path, "failed", self._board.recorded, "the recording process ended unexpectedly")
        self._on_recording_finished(finished)

    # --- messages ----------------------------------------------------------------------------

    def _handle(self, child: Child, message: Message) -> None:
        match message:
            case LogEntry():
                self._on_log(message)
            case ProcessReady(name):
                self._on_ready(name, child)
            case CameraReady():
                self._camera = message
                child.state = "running"
                self._children.send("gui", message)
            case MotorsReady():
                self._motors = message
                self._on_ready("motors", child)
            case ProcessFailed(_, text):
                self._errors.append(text)
                self._log_line(logging.ERROR, text)
            case AcquisitionStopped(reason):
                self._on_acquisition_stopped(reason)
            case BeadsFound(centres):
                self._on_beads_found(centres)
            case RecordingStarted(path):
                self._board.start_recording(path)
            case RecordingProgress(frames_recorded):
                self._board.recorded = replace(self._board.recorded, frames_recorded=frames_recorded)
            case RecordingFinished():
                self._on_recording_finished(message)
            case _:
                self._on_command(message)
        if isinstance(message, _FOR_WINDOW) and child.name != "gui":
            self._children.send("gui", message)
        if isinstance(message, CommandRefused):
            self._log_line(logging.WARNING, message.text)

    def _on_ready(self, name: str, child: Child) -> None:
        self._ready.add(name)
        child.state = "running"
        if name == "gui":
            self._tell_window_everything()

    def _tell_window_everything(self) -> None:
        """A window that opens late, or again, gets the whole state."""
        for message in (self._camera, self._motors, self._beads.changed()):
            if message is not None:
                self._children.send("gui", message)

    def _on_acquisition_stopped(self, reason: str) -> None:
        self._acquiring = False
        if reason:
            self._log_line(logging.INFO, f"acquisition has ended: {reason}")
            if self._options.headless:
                self.stop("completed")

    def _on_beads_found(self, centres: tuple[tuple[float, float, float], ...]) -> None:
        try:
            self._beads.add_found(centres)
        except BeadRefused as error:
            self._log_line(logging.WARNING, str(error))
        self._log_line(logging.INFO, f"{len(centres)} beads found")
        self._tell_beads()

    def _on_recording_finished(self, message: RecordingFinished) -> None:
        self._board.recording = None
        self._board.recorded = message.counters
        self._recordings.append(message)
        if message.error:
            self._errors.append(message.error)
            self._log_line(logging.ERROR, message.error)

    def _on_command(self, message: Message) -> None:
        """Carry out or pass on what the user wants; a running dataset keeps it as an event."""
        self._note_event(message)
        route = _ROUTES.get(type(message))
        if route is not None:
            if not self._children.alive(route):
                self._refuse(f"the {route} process is not running")
            self._children.send(route, message)
            return
        match message:
            case Quit():
                self.stop("completed")
            case StartRecording():
                self._start_recording(message)
            case StopRecording():
                self._children.send("recording", message)
            case _:
                self._on_bead_command(message)

    def _on_bead_command(self, message: Message) -> None:
        try:
            if not self._beads.handle(message):
                self._log_line(logging.WARNING, f"nobody handles {type(message).__name__}")
        except BeadRefused as error:
            self._refuse(str(error))
        self._tell_beads()

    def _refuse(self, text: str) -> None:
        self._children.send("gui", CommandRefused("supervisor", text))
        self._log_line(logging.WARNING, text)

    def _note_event(self, message: Message) -> None:
        if self._board.recording is None or isinstance(message, SelectBead | CommandRefused | CameraSettings):
            return
        self._children.send("recording", self._event("command", {"command": type(message).__name__} | asdict(message)))

    def _event(self, kind: str, fields: dict[str, Any]) -> Event:
        video = self._segments.video
        frame_id = video.counters().next_frame_id if video is not None else 0
        return Event(kind, frame_id, self._anchor.session_ns(), fields)

    def _tell_beads(self) -> None:
        changed = self._beads.changed()
        self._children.send("gui", changed)
        if self._board.recording is not None:
            beads = [asdict(bead) for bead in changed.beads]
            self._children.send("recording", self._event("beads", {"beads": beads, "version": changed.version}))

    def _start_recording(self, message: StartRecording) -> None:
        if self._board.recording is not None:
            self._refuse("a recording is running already; stop it first")
            return
        facts = dataset_facts(
            self._loaded, self._anchor, self._camera, self._motors.motors, self._beads.changed().beads
        )
        order = RecordingOrder(
            folder=message.folder or self._config.recording.folder,
            name=message.name or self._config.session.name,
            mode=message.mode or self._config.recording.mode,
            config_text=self._loaded.text,
            anchor=self._anchor,
            facts=facts,
        )
        self._children.send("recording", order)


class _Signals:
    """Turns Ctrl-C and SIGTERM into a call, and puts the old handlers back."""

    def __init__(self, on_signal: Callable[[int], None]) -> None:
        self._on_signal = on_signal
        self._old: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._old[number] = signal.signal(number, self._handle)
            except ValueError:  # only the main thread may; elsewhere `Supervisor.stop` ends a run
                return

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._on_signal(number)
