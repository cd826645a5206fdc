"""The state of the running line, and what each message does to it."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from magscope_app.clock import WallAnchor
from magscope_app.config import LoadedConfig
from magscope_app.messages import (
    AbortProtocol,
    AcquisitionStopped,
    AddNote,
    BeadsFound,
    CameraReady,
    CameraSettings,
    CommandRefused,
    Event,
    Fault,
    FindBeads,
    FirstFrame,
    LogEntry,
    Message,
    MotorChanged,
    MotorsReady,
    ProcessDied,
    ProcessFailed,
    ProcessReady,
    ProtocolEnded,
    Quit,
    RecordingFinished,
    RecordingOrder,
    RecordingProgress,
    RecordingStarted,
    RenameRecording,
    SelectBead,
    SetCameraSetting,
    StartAcquisition,
    StartRecording,
    StopMotors,
    StopProtocol,
    StopRecording,
    SubmitProtocol,
    VideoReady,
)
from magscope_app.processes.bead_owner import BeadOwner, BeadRefused
from magscope_app.processes.children import Child, Children
from magscope_app.processes.controllers import MOTORS
from magscope_app.processes.dead_recorder import close_for_dead_recorder
from magscope_app.processes.facts import dataset_facts
from magscope_app.processes.motor_desk import MOTOR_COMMANDS, CommandImpossible, MotorDesk
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.revival import Revival, kind_of
from magscope_app.processes.segments import Segments
from magscope_app.processes.status_board import StatusBoard

#: To which process a command goes.
_ROUTES: dict[type[Message], str] = {
    SetCameraSetting: "camera",
    FindBeads: "tracking",
    SelectBead: "tracking",
    StopProtocol: "experiment",
    AbortProtocol: "experiment",
}
#: A window that ends unasked is opened again so often.
_MOST_WINDOWS = 3
#: Notifications that window and experiment want to see as they are.
_NEWS = (CameraSettings, CommandRefused, RecordingStarted, RecordingProgress, RecordingFinished)
#: What is no event of the experiment.
_NO_EVENT = (SelectBead, AddNote, StartRecording, StopRecording, Quit)


class Line:
    """What the supervisor knows of the line, changed by messages and deaths.

    Parameters
    ----------
    loaded, options, listeners
        As for `Supervisor`.
    segments : Segments
        The shared memory.
    children : Children
        The processes.
    anchor : WallAnchor
        The session clock.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        options: RunOptions,
        listeners: Listeners,
        segments: Segments,
        children: Children,
        anchor: WallAnchor,
    ) -> None:
        self._loaded = loaded
        self._options = options
        self._listeners = listeners
        self._segments = segments
        self._anchor = anchor
        self.children = children
        self.board = StatusBoard(anchor, options.record or loaded.config.recording.folder)
        self.beads = BeadOwner(segments.rois, loaded.config.beads.roi_px)
        self.ready: set[str] = set()
        self.camera: CameraReady | None = None
        self.acquiring = False
        self.first_frame_ns: int | None = None
        self.acquired_s = 0.0
        self.stopping = ""
        self.errors: list[str] = []
        self.recordings: list[RecordingFinished] = []
        self.motors = MotorDesk(loaded.config, children, self._tell, self.log, self._record)
        self._windows_lost = 0
        self._revival = Revival(loaded.config.supervisor.restart.model_dump())
        self._returning: set[str] = set()
        self._resume_camera = False
        self._selected: SelectBead | None = None
        self._protocol = loaded.config.experiment.protocol

    # --- for the supervisor ------------------------------------------------------------------

    def stop(self, reason: str) -> None:
        """End the run in order; the first reason counts."""
        self.stopping = self.stopping or reason

    def fail(self, text: str) -> None:
        """End the run because of an error."""
        self.errors.append(text)
        self.log(logging.ERROR, text)
        self.stop("failed")

    def log(self, level: int, text: str) -> None:
        """Say something in log, status line and window."""
        self._on_log(LogEntry(time.perf_counter_ns(), "supervisor", level, text))

    def tell_beads(self) -> None:
        """Tell everyone who wants to know which beads there are."""
        changed = self.beads.changed()
        self._tell(changed)
        beads = [asdict(bead) for bead in changed.beads]
        self._record("beads", {"beads": beads, "version": changed.version})

    def start_recording(self, message: StartRecording) -> None:
        """Order a dataset; what the message leaves open comes from the config."""
        if self.board.recording is not None:
            self._refuse("a recording is running already; stop it first")
            return
        config = self._loaded.config
        beads = self.beads.changed().beads
        order = RecordingOrder(
            folder=message.folder or config.recording.folder,
            name=message.name or config.session.name,
            mode=message.mode or config.recording.mode,
            config_text=self._loaded.text,
            anchor=self._anchor,
            facts=dataset_facts(self._loaded, self._anchor, self.camera, self.motors.infos, beads),
        )
        self.children.send("recording", order)

    def begin_protocol(self) -> None:
        """Run the protocol of the config, if there is one, now that the beads are known."""
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            self.submit_protocol(protocol)

    def submit_protocol(self, function: str) -> None:
        """Run a protocol in the experiment process, which is started when it is first needed."""
        if not self.children.alive("experiment"):
            self.children.start(["experiment"])
            for known in (*self.motors.state(), self.beads.changed()):
                self.children.send("experiment", known)
        self.children.send("experiment", SubmitProtocol(function))

    def on_death(self, child: Child) -> None:
        """Deal with a process that ended unasked."""
        text = child.failure or f"the {child.name} process ended unexpectedly (exit code {child.exit_code})"
        self.children.send("gui", ProcessDied(child.name, child.exit_code))
        if child.name == "camera" and self.acquiring:
            self.acquiring = False
            self._resume_camera = True
            if self.first_frame_ns is not None:
                self.acquired_s += (self._anchor.session_ns() - self.first_frame_ns) * 1e-9
        if child.name == "gui":
            self._on_window_lost(text)
            return
        self.motors.on_death(child.name)
        if child.name == "experiment":
            self.motors.stop_all()
            self.errors.append(text)
            self.log(logging.ERROR, f"{text}; acquisition and recording go on, the motors stop")
            return
        if child.name == "recording" and self.board.recording is not None:
            self._on_recorder_lost(text, self.board.recording)
        if self._revive(child, text):
            return
        child.state = "failed"
        self._returning.discard(child.name)
        policy = self._loaded.config.supervisor.on_child_death
        if policy == "continue" and self.camera is not None and not self.stopping:
            self.errors.append(text)
            self.log(logging.ERROR, f"{text}; the others go on, as the config says")
        elif self.board.counters(self._segments.video).frames_acquired:
            self.fail(f"{text}; everything is ended, what was recorded is safe")
        else:
            self.fail(text)

    def _revive(self, child: Child, text: str) -> bool:
        """Plan to start a process again that had been running; one that never ran will not the next time."""
        if self.stopping or child.state != "dead" or not self._has_run(child.name):
            return False
        pause_s = self._revival.plan(child.name)
        if pause_s is None:
            return False
        child.state = "restarting"
        self._returning.add(child.name)
        self.log(logging.ERROR, f"{text}; it is started again in {pause_s:g} s, the others go on")
        self._record("process died", {"process": child.name, "why": text})
        return True

    def _has_run(self, name: str) -> bool:
        return self.camera is not None if name == "camera" else name in self.ready

    def watch(self) -> None:
        """Start what is due to be started again, and end what is hung."""
        self.children.start(self._revival.take_due())
        for child in self.children:
            silent_s = child.kill_if_hung()
            if silent_s is not None:
                said = f"the {child.name} process gave no sign of life for {silent_s:.0f} s and was ended"
                child.failure = said

    def _on_recorder_lost(self, text: str, path: Path) -> None:
        video = self._segments.video
        assert video is not None
        recorded = self.board.recorded.frames_recorded
        self._on_recording_finished(close_for_dead_recorder(path, text, video, recorded))

    def _on_window_lost(self, text: str) -> None:
        """Open the window again; acquisition and recording do not notice, but the motors stop."""
        self.motors.stop_all()
        self._windows_lost += 1
        if not self.ready & {"gui"}:
            self.fail(f"{text}; --headless runs without a window")
        elif self._windows_lost > _MOST_WINDOWS:
            self.log(logging.ERROR, f"{text} again; the run goes on without a window, Ctrl-C ends it")
        else:
            self.log(logging.ERROR, f"{text}; it is opened again, acquisition and recording go on")
            self.children.start(["gui"])

    # --- messages ----------------------------------------------------------------------------

    def handle(self, child: Child, message: Message) -> None:
        """Do what a message from a process asks for."""
        if isinstance(message, _NEWS):
            self._tell(message)
        match message:
            case LogEntry():
                self._on_log(message)
            case CommandRefused(_, text):
                self._on_refused(child, text)
            case ProcessFailed(_, text):
                child.failure = text
            case FirstFrame():
                self.first_frame_ns = self.first_frame_ns or self._anchor.session_ns()
            case ProtocolEnded():
                self._on_protocol_ended(message)
            case AcquisitionStopped(reason, seconds):
                self.acquired_s += seconds
                self._on_acquisition_stopped(reason)
            case BeadsFound(centres):
                self._on_beads_found(centres)
            case ProcessReady() | CameraReady() | MotorsReady():
                self._on_ready(child, message)
            case RecordingStarted() | RecordingProgress() | RecordingFinished() | Event():
                self._on_recording(message)
            case CameraSettings() | MotorChanged():
                self._on_device_changed(message)
            case _:
                self.command(message)

    def _on_refused(self, child: Child, text: str) -> None:
        at_once = self._options.record is not None or self._loaded.config.recording.start
        if child.name == "recording" and at_once and self.first_frame_ns is None:
            self.fail(text)
        else:
            self.log(logging.WARNING, text)

    def _on_log(self, entry: LogEntry) -> None:
        self._listeners.on_log(entry)
        self.children.send("gui", entry)

    def _on_ready(self, child: Child, message: ProcessReady | CameraReady | MotorsReady) -> None:
        if child.state != "running":
            child.state = "running"
            self.log(logging.DEBUG, f"{child.name} runs (process {child.process_state().pid})")
        if isinstance(message, CameraReady):
            if self.camera is not None and message.format != self.camera.format:
                self.fail(
                    f"the camera came back with {message.format} instead of {self.camera.format}; start again"
                )
                return
            self.camera = message
            self.children.send("gui", message)
        elif isinstance(message, MotorsReady):
            self.motors.on_ready(message)
            self.ready.add(child.name)
        else:
            self.ready.add(message.process)
            if message.process == "gui":
                self.log(logging.INFO, "the window is open")
                self._brief_window()
        if child.name in self._returning:
            self._returning.discard(child.name)
            self._welcome_back(child.name)

    def _welcome_back(self, name: str) -> None:
        """Tell a process that was started again what it has missed."""
        sees_video = kind_of(name) != MOTORS and self._segments.video is not None
        if sees_video and self.beads.format is not None:
            self.children.send(name, VideoReady(self.beads.format))
        if name == "camera" and self._resume_camera:
            self._resume_camera = False
            self.children.send(name, StartAcquisition())
            self.acquiring = True
        elif name == "tracking" and self._selected is not None:
            self.children.send(name, self._selected)
        self.log(logging.WARNING, f"the {name} process runs again")
        self._record("process restarted", {"process": name})

    def _brief_window(self) -> None:
        """Give a window that opens late, or again, the whole state."""
        state: list[Message] = [*self.motors.state(), self.beads.changed()]
        if self.camera is not None:
            state.append(self.camera)
        if self._segments.video is not None and self.beads.format is not None:
            state.append(VideoReady(self.beads.format))
        if self.board.recording is not None:
            state.append(RecordingStarted(self.board.recording, self._loaded.config.recording.mode))
        for message in state:
            self.children.send("gui", message)

    def _on_acquisition_stopped(self, reason: str) -> None:
        self.acquiring = False
        if reason:
            self.log(logging.INFO, f"acquisition has ended: {reason}")
            if self._options.headless:
                self.stop("completed")

    def _on_protocol_ended(self, message: ProtocolEnded) -> None:
        self._tell(message)
        self._record("protocol ended", {"function": message.function, "error": message.error})
        if message.error:
            self.errors.append(f"the protocol {message.function} failed: {message.error}")
            self.log(logging.ERROR, self.errors[-1])
        else:
            self.log(logging.INFO, f"the protocol {message.function} has ended")
        own = message.function == self._loaded.config.experiment.protocol
        if own and self._options.headless and self._options.duration_s is None:
            self.stop("failed" if message.error else "completed")

    def _on_beads_found(self, centres: tuple[tuple[float, float, float], ...]) -> None:
        added = self.beads.add_found(centres)
        said = f"{len(centres)} beads found"
        if added < len(centres):
            said += (
                f", {added} of them added: the others are on the list already, or beads.max_beads is reached"
            )
        self.log(logging.INFO, said)
        self.tell_beads()
        self.begin_protocol()

    def _on_recording(
        self, message: RecordingStarted | RecordingProgress | RecordingFinished | Event
    ) -> None:
        if isinstance(message, RecordingStarted):
            self.board.start_recording(message.path)
        elif isinstance(message, Event):
            if self.board.recording is not None:
                self.children.send("recording", message)
        elif isinstance(message, RecordingProgress):
            self.board.recorded = replace(self.board.recorded, frames_recorded=message.frames_recorded)
        else:
            self._on_recording_finished(message)

    def _on_recording_finished(self, message: RecordingFinished) -> None:
        self.board.recording = None
        self.board.recorded = message.counters
        self.recordings.append(message)
        if message.error:
            self.errors.append(message.error)
            self.log(logging.ERROR, message.error)
            if self._options.headless and self._options.record is not None:
                # Nobody watches, and what the run was for is over.
                self.stop("failed")

    # --- commands ----------------------------------------------------------------------------

    def command(self, message: Message) -> None:
        """Carry out or pass on what the user wants; a running dataset keeps it as an event."""
        if isinstance(message, SelectBead):
            self._selected = message
        if not isinstance(message, _NO_EVENT):
            self._record("command", {"command": type(message).__name__} | asdict(message))
        route = _ROUTES.get(type(message))
        if route is not None and not self.children.alive(route):
            self._refuse(f"the {route} process is not running: start again to use it")
        elif route is not None:
            self.children.send(route, message)
        elif isinstance(message, StopMotors):
            self.motors.stop_all()
        elif isinstance(message, MOTOR_COMMANDS):
            self._command_device(message)
        elif isinstance(message, Quit):
            self.stop("completed")
        elif isinstance(message, StartRecording):
            self.start_recording(message)
        elif isinstance(message, StopRecording | RenameRecording):
            self.children.send("recording", message)
        elif isinstance(message, SubmitProtocol):
            self.submit_protocol(message.function)
        elif isinstance(message, AddNote):
            self._add_note(message.text)
        else:
            self._on_bead_command(message)

    def _command_device(self, message: Message) -> None:
        if isinstance(message, Fault) and message.device == "camera":
            self.children.send("camera", message)
            return
        try:
            self.motors.command(message, self._returning)
        except CommandImpossible as error:
            self._refuse(str(error), getattr(message, "token", 0))

    def _add_note(self, text: str) -> None:
        if self.board.recording is None:
            self._refuse("a note belongs to a recording, and none is running; start one first")
        else:
            self._record("note", {"text": text})

    def _on_device_changed(self, message: CameraSettings | MotorChanged) -> None:
        """Keep what a setting was and is, as it may change what the numbers mean; and how an axis is."""
        if isinstance(message, MotorChanged):
            self.motors.on_changed(message)
            return
        old = {setting.name: setting.value for setting in self.camera.settings} if self.camera else {}
        if self.camera is not None:
            self.camera = replace(self.camera, settings=message.settings)
        for setting in message.settings:
            if setting.value != old.get(setting.name):
                fields = {"device": "camera", "name": setting.name, "value": setting.value}
                self._record("setting", fields | {"before": old.get(setting.name), "unit": setting.unit})

    def _on_bead_command(self, message: Message) -> None:
        try:
            if not self.beads.handle(message):
                self.log(logging.WARNING, f"nobody handles {type(message).__name__}")
        except BeadRefused as error:
            self._refuse(str(error))
        self.tell_beads()

    def _tell(self, message: Message) -> None:
        self.children.send("gui", message)
        self.children.send("experiment", message)

    def _refuse(self, text: str, token: int = 0) -> None:
        self._tell(CommandRefused("supervisor", text, token))
        self.log(logging.WARNING, text)

    def _record(self, kind: str, fields: dict[str, Any]) -> None:
        """Keep something that happened in the running dataset, if there is one."""
        if self.board.recording is not None:
            self.children.send("recording", self._event(kind, fields))

    def _event(self, kind: str, fields: dict[str, Any]) -> Event:
        video = self._segments.video
        frame_id = video.counters().next_frame_id if video is not None else 0
        return Event(kind, frame_id, self._anchor.session_ns(), fields)
