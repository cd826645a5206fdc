"""The state of the running line, and what each message does to it."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import Any

from magscope_app.calibration.messages import StartSweep, SweepEnded
from magscope_app.clock import WallAnchor
from magscope_app.config import LoadedConfig
from magscope_app.messages import (
    AcquisitionStopped,
    AddNote,
    BeadsFound,
    CameraReady,
    CameraSettings,
    CommandRefused,
    Event,
    Fault,
    FaultCaused,
    FindBeads,
    FirstFrame,
    FormatAsked,
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
    StartAcquisition,
    StartRecording,
    StopMotors,
    SubmitProtocol,
    TrackingSpeed,
    VideoReady,
)
from magscope_app.messages.locks import LOCK_MESSAGES
from magscope_app.processes.acquired_time import AcquiredTime
from magscope_app.processes.bead_desk import BeadDesk
from magscope_app.processes.bead_owner import BeadOwner
from magscope_app.processes.calibration_desk import SWEEP_COMMANDS, SWEEP_NEWS, CalibrationDesk
from magscope_app.processes.camera_desk import CameraDesk, restored_text
from magscope_app.processes.children import Child, Children
from magscope_app.processes.controllers import CAMERA, MOTORS
from magscope_app.processes.format_change import FormatDesk
from magscope_app.processes.lock_desk import FEEDBACK, LockDesk
from magscope_app.processes.message_check import why_malformed
from magscope_app.processes.motor_desk import MOTOR_COMMANDS, CommandImpossible, MotorDesk
from magscope_app.processes.options import Listeners, RunOptions
from magscope_app.processes.orders import Orders
from magscope_app.processes.recording_desk import RECORDER, RecordingCommand, RecordingDesk, RecordingNews
from magscope_app.processes.recording_text import recording_text
from magscope_app.processes.revival import Revival, kind_of
from magscope_app.processes.routes import NEWS, NO_EVENT, ROUTES, not_running
from magscope_app.processes.segments import Segments
from magscope_app.processes.status_board import StatusBoard
from magscope_app.processes.window_desk import WindowDesk


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
        self._orders = Orders(loaded, anchor)
        self.children = children
        self.window = WindowDesk(children, self.log, self.fail)
        self.board = StatusBoard(anchor, options.record or loaded.config.recording.folder)
        self.beads = BeadOwner(segments.rois, loaded.config.beads.roi_px)
        self.ready: set[str] = set()
        self.camera_desk = CameraDesk(loaded.config, children, self.log, self._keep)
        self.acquiring = False
        self.acquired = AcquiredTime(anchor)
        self.stopping = ""
        self.errors: list[str] = []
        self.recording = RecordingDesk(children, self.board)
        self.bead_desk = BeadDesk(self.beads, self._tell, self.log, self._refuse, self._keep)
        self.motors = MotorDesk(loaded.config, children, self._tell, self.log, self._keep)
        self.locks = LockDesk(
            *(loaded.config, children, self.motors, self.beads, self._tell, self.log, self._keep),
            *(self.recording.keep, anchor.session_ns, self.camera_desk.times),
        )
        self.calibration = CalibrationDesk(
            *(loaded.config, children, self.locks, self._order_sweep, segments.create_sweep),
            *(self.recording.keep, listeners.on_news, self.log, self._refuse),
        )
        self.formats = FormatDesk(
            *(loaded, self.beads, self.recording, self.calibration, self.locks, self.log, self._refuse)
        )
        self._revival = Revival(loaded.config.supervisor.restart.model_dump())
        self._returning: set[str] = set()
        self._resume_camera = False
        self._must_find = loaded.config.beads.find
        self._protocol = loaded.config.experiment.protocol
        self._command = options.command

    # --- for the supervisor ------------------------------------------------------------------

    @property
    def camera(self) -> CameraReady | None:
        """The camera with its settings in force, None as long as it was never open."""
        return self.camera_desk.ready

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

    def start_recording(self, message: StartRecording) -> None:
        """Order a dataset; what the message leaves open comes from the config."""
        if why_not := self.recording.why_not(message, returning=RECORDER in self._returning):
            self._refuse(why_not, command="StartRecording")
            return
        beads, zlut = self.beads.changed().beads, self.calibration.stored
        order = self._orders.recording(
            message, self.camera, self.motors.infos, beads, self.beads.roi_px, zlut
        )
        self.recording.start(order)

    def begin_protocol(self) -> None:
        """Run locks and protocol of the config and the command of the start, now that beads are known."""
        self.locks.begin()
        protocol, self._protocol = self._protocol, None
        command, self._command = self._command, None
        if protocol is not None:
            self._command_experiment(SubmitProtocol(protocol))
        if command is not None:
            self.command(command)

    def _wake_experiment(self) -> None:
        """Start the experiment process when it is first needed."""
        if not self.children.alive("experiment"):
            self.children.start(["experiment"])
            for known in (*self.motors.state(), self.beads.changed(), self.camera_desk.times()):
                self.children.send("experiment", known)

    def _order_sweep(self, message: StartSweep) -> None:
        self._wake_experiment()
        beads, roi_px = self.beads.changed().beads, self.beads.roi_px
        order = self._orders.sweep(message, self.camera, self.motors.infos, beads, roi_px)
        self.children.send("experiment", order)

    def on_death(self, child: Child) -> None:
        """Deal with a process that ended unasked."""
        text = child.failure or f"the {child.name} process ended unexpectedly (exit code {child.exit_code})"
        self._tell(ProcessDied(child.name, child.exit_code))
        if child.name == "camera" and self.acquiring:
            self.acquiring = False
            self._resume_camera = True
            self.acquired.on_death()
        if child.name == "gui":
            self._stop_motors()
            self.window.on_lost(text)
            return
        self.motors.on_death(child.name)
        if child.name == FEEDBACK:
            self.locks.on_death(text)
            return
        if child.name == "experiment":
            self._stop_motors()
            self.calibration.on_experiment_lost(text)
            self.formats.protocols.clear()
            self.errors.append(text)
            self.log(logging.ERROR, f"{text}; acquisition and recording go on, the motors stop")
            return
        if self._revive(child, text):
            return
        if child.name == RECORDER:
            self.give_recorder_up(text)
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
        has_run = self.camera is not None if child.name == "camera" else child.name in self.ready
        if self.stopping or child.state != "dead" or not has_run:
            return False
        pause_s = self._revival.plan(child.name)
        if pause_s is None:
            return False
        child.state = "restarting"
        self._returning.add(child.name)
        if child.name == RECORDER:
            self.recording.hold()
        self.log(logging.ERROR, f"{text}; it is started again in {pause_s:g} s, the others go on")
        self._keep("process died", {"process": child.name, "why": text})
        return True

    def watch(self) -> None:
        """Start what is due to be started again, and end what is hung."""
        self.children.start(self._revival.take_due())
        for said in self.children.end_hung():
            self.log(logging.WARNING, said)

    def end_recorder(self) -> None:
        """Complete the dataset of a recorder that is gone or does not come to its end."""
        if not self.recording.ordered:
            return
        begun = self.recording.running is not None
        self.children.kill(RECORDER, "the recording process did not come to an end")
        self.give_recorder_up("the recording process had ended, or did not come to an end")
        if not begun:
            self.fail("a recording was ordered, and had not begun when the run ended; start another one")

    def give_recorder_up(self, why: str) -> None:
        """Complete the dataset of a recorder that does not come back."""
        finished = self.recording.give_up(why, self._segments.video)
        if finished is not None:
            self._on_recording(finished)

    # --- messages ----------------------------------------------------------------------------

    def handle(self, child: Child, message: Message) -> None:
        """Do what a message from a process asks for; one that says nothing sensible changes nothing."""
        if (wrong := why_malformed(message)) is not None:
            self.log(logging.WARNING, f"from the {child.name} process: {wrong}")
            return
        if isinstance(message, NEWS):
            self._tell(message)
        self._deal_with(child, message)

    def _deal_with(self, child: Child, message: Message) -> None:
        match message:
            case LogEntry():
                self._on_log(message)
            case CommandRefused(_, text):
                self._on_refused(child, text)
            case ProcessFailed(_, text):
                child.failure = text
            case FirstFrame():
                self.acquired.on_first_frame()
            case AcquisitionStopped(reason, seconds):
                self.acquired.on_stopped(seconds)
                self._on_acquisition_stopped(reason)
            case BeadsFound():
                self._on_beads_found(message)
            case ProcessReady() | CameraReady() | MotorsReady():
                self._on_ready(child, message)
            case TrackingSpeed(fps):
                self.board.tracking_fps = fps
            case CameraSettings() | MotorChanged() | FormatAsked() | FaultCaused():
                self._on_device(message)
            case _ if isinstance(message, RecordingNews):
                self._on_recording(message)
            case _ if isinstance(message, (ProtocolEnded, *SWEEP_NEWS)):
                self._on_experiment(message)
            case _:
                self.command(message)

    def _on_refused(self, child: Child, text: str) -> None:
        at_once = self._options.record is not None or self._loaded.config.recording.start
        if child.name == RECORDER and self.recording.on_refused():
            self.give_recorder_up(text)
        elif child.name == RECORDER and at_once and self.acquired.first_ns is None:
            self.fail(text)
        else:
            self.log(logging.WARNING, text)
            self._keep("command refused", {"process": child.name, "text": text})

    def _on_log(self, entry: LogEntry) -> None:
        self._listeners.on_log(entry)
        self.window.on_log(entry)

    def _on_ready(self, child: Child, message: ProcessReady | CameraReady | MotorsReady) -> None:
        if child.state != "running":
            child.state = "running"
            self.log(logging.DEBUG, f"{child.name} runs (process {child.process_state().pid})")
        if isinstance(message, CameraReady):
            if (why_not := self.camera_desk.on_ready(message)) is not None:
                self.fail(why_not)
                return
        elif isinstance(message, MotorsReady):
            self.motors.on_ready(message)
            self.ready.add(child.name)
        else:
            self.ready.add(message.process)
            if message.process == "gui":
                self.window.on_open(self._state())
        if child.name in self._returning:
            self._returning.discard(child.name)
            self._welcome_back(child.name)

    def _welcome_back(self, name: str) -> None:
        """Tell a process that was started again what it has missed."""
        if name == "tracking":
            # Before it sees a frame: none is to be tracked with the Z-LUTs of the config.
            self.calibration.on_tracking_back()
            self.camera_desk.tell_times(name)
        sees_video = kind_of(name) != MOTORS and self._segments.video is not None
        if sees_video and self.beads.format is not None:
            self.children.send(name, VideoReady(self.beads.format))
        restored = self.camera_desk.restore() if name == CAMERA else {}
        if name == CAMERA and self._resume_camera:
            # After its settings: no frame is taken with those of the config.
            self._resume_camera = False
            self.children.send(name, StartAcquisition(resuming=True))
            self.acquiring = True
        elif name == "tracking":
            if self._must_find:
                self.children.send(name, FindBeads())
            if self.window.selected is not None:
                self.children.send(name, self.window.selected)
        elif name == RECORDER:
            self.recording.resume()
        self.log(logging.WARNING, f"the {name} process runs again{restored_text(restored)}")
        self._keep("process restarted", {"process": name} | restored)

    def _state(self) -> list[Message]:
        """Return what a window must know that opens late, or again."""
        state: list[Message] = [*self.motors.state(), self.beads.changed(), *self.locks.messages()]
        state += [*self.calibration.messages(), *self.camera_desk.messages()]
        if self._segments.video is not None and self.beads.format is not None:
            state.append(VideoReady(self.beads.format))
        return state + self.recording.state()

    def _on_acquisition_stopped(self, reason: str) -> None:
        self.acquiring = False
        if reason:
            self.log(logging.INFO, f"acquisition has ended: {reason}")
            if self._options.headless:
                self.stop("completed")

    def _on_protocol_ended(self, message: ProtocolEnded) -> None:
        self._tell(message)
        self.formats.protocols.discard(message.function)
        self._keep("protocol ended", {"function": message.function, "error": message.error})
        if message.error:
            self.errors.append(f"the protocol {message.function} failed: {message.error}")
            self.log(logging.ERROR, self.errors[-1])
        else:
            self.log(logging.INFO, f"the protocol {message.function} has ended")
        own = message.function == self._loaded.config.experiment.protocol
        if own and self._options.headless and self._options.duration_s is None:
            self.stop("failed" if message.error else "completed")

    def _on_experiment(self, message: Message) -> None:
        if isinstance(message, ProtocolEnded):
            self._on_protocol_ended(message)
            return
        self.calibration.news(message)
        if isinstance(message, SweepEnded) and isinstance(self._options.command, StartSweep):
            self.errors += [message.error] if message.error else []
            self.stop("failed" if message.error else "completed")

    def _on_beads_found(self, message: BeadsFound) -> None:
        if message.preview:
            self._tell(message)
            return
        self._must_find = False
        self.bead_desk.found(message)
        self.begin_protocol()

    def _on_recording(self, message: RecordingNews) -> None:
        if said := recording_text(message, self.recording.running):
            self.log(logging.INFO, said)
        self.recording.on_news(message)
        if isinstance(message, RecordingFinished) and message.error:
            self.errors.append(message.error)
            self.log(logging.ERROR, message.error)
            if self._options.headless and self._options.record is not None:
                # Nobody watches, and what the run was for is over.
                self.stop("failed")

    # --- commands ----------------------------------------------------------------------------

    def command(self, message: Message) -> None:
        """Carry out or pass on what the user wants; a running dataset keeps it as an event."""
        self.window.heed(message)
        self.camera_desk.heed(message)
        if not isinstance(message, NO_EVENT):
            self._keep("command", {"command": type(message).__name__} | asdict(message))
        route = ROUTES.get(type(message))
        if route is not None and not self.children.alive(route):
            self._refuse(not_running(route, self._returning))
        elif route is not None:
            if not self.formats.refuses(message, self.camera_desk):
                self.children.send(route, message)
        elif isinstance(message, (StopMotors, *MOTOR_COMMANDS, *LOCK_MESSAGES)):
            self._command_device(message)
        elif isinstance(message, (SubmitProtocol, *SWEEP_COMMANDS)):
            self._command_experiment(message)
        elif isinstance(message, Quit):
            self.stop("completed")
        elif isinstance(message, StartRecording):
            self.start_recording(message)
        elif isinstance(message, RecordingCommand):
            if why_not := self.recording.command(message):
                self._refuse(why_not)
        elif isinstance(message, AddNote):
            self._add_note(message.text)
        else:
            self.bead_desk.command(message, self.recording.ordered, self.calibration.sweeping)

    def _command_experiment(self, message: Message) -> None:
        if isinstance(message, SubmitProtocol):
            self.formats.protocols.add(message.function)
            self._wake_experiment()
            self.children.send("experiment", message)
            return
        self.calibration.command(message)

    def _stop_motors(self) -> None:
        self.motors.stop_all()
        self.locks.stop()
        self.calibration.halt()

    def _command_device(self, message: Message) -> None:
        if isinstance(message, StopMotors):
            self._stop_motors()
            return
        if isinstance(message, Fault) and message.device == "camera":
            self.children.send("camera", message)
            return
        try:
            if isinstance(message, LOCK_MESSAGES):
                self.locks.handle(message)
            else:
                self.locks.heed(message)
                self.motors.command(message, self._returning)
        except CommandImpossible as error:
            self._refuse(str(error), getattr(message, "token", 0))

    def _add_note(self, text: str) -> None:
        if not self.recording.ordered:
            self._refuse("a note belongs to a recording, and none is running; start one first")
        else:
            self._keep("note", {"text": text})

    def _on_device(self, message: CameraSettings | MotorChanged | FormatAsked | FaultCaused) -> None:
        if isinstance(message, CameraSettings):
            self.camera_desk.on_settings(message)
        elif isinstance(message, MotorChanged):
            self.motors.on_changed(message)
        elif isinstance(message, FormatAsked) and self.formats.ask(message):
            self.stop("completed")

    def _tell(self, message: Message) -> None:
        self.children.send("gui", message)
        self.children.send("experiment", message)
        self.children.send(FEEDBACK, message)

    def _refuse(self, text: str, token: int = 0, command: str = "") -> None:
        self._tell(CommandRefused("supervisor", text, token, command))
        self.log(logging.WARNING, text)
        self._keep("command refused", {"process": "supervisor", "text": text})

    def _keep(self, kind: str, fields: dict[str, Any]) -> None:
        """Keep something that happened in the running dataset, if there is one."""
        if self.recording.ordered:
            video = self._segments.video
            frame_id = video.counters().next_frame_id if video is not None else 0
            self.recording.tell(Event(kind, frame_id, self._anchor.session_ns(), fields))
