"""The supervisor: owns the shared memory, starts and watches the processes, ends them in order."""

from __future__ import annotations

import logging
import multiprocessing
import platform
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial

from magscope_app import __version__
from magscope_app.clock import WallAnchor
from magscope_app.config import LoadedConfig
from magscope_app.datatypes import Session
from magscope_app.devices import FrameFormat
from magscope_app.errors import MagscopeError, described
from magscope_app.kernel_cache import ensure_compiled
from magscope_app.messages import (
    Counters,
    Message,
    RecordingFinished,
    StartAcquisition,
    StartRecording,
    StopAcquisition,
    StopRecording,
    VideoReady,
)
from magscope_app.operating_system import Awake, keep_awake
from magscope_app.processes.bead_owner import beads_of_config
from magscope_app.processes.children import START_TIMEOUT_S, Children
from magscope_app.processes.controllers import CAMERA, motor_processes
from magscope_app.processes.draining import Drain
from magscope_app.processes.handles import make_handles
from magscope_app.processes.line import Line
from magscope_app.processes.loss_watch import LossWatch
from magscope_app.processes.options import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    Listeners,
    RunOptions,
    RunResult,
)
from magscope_app.processes.preflight import compile_targets
from magscope_app.processes.segments import Segments, camera_waits, expected_format, matrix_shapes
from magscope_app.run_log import RunLog
from magscope_app.signals import Signals

#: The loop looks at everything at least this often; deaths and messages wake it at once.
_TICK_S = 0.1
_STATUS_EVERY_S = 0.25
#: Parts of an orderly end: the camera stops, the recording is finished, which may first wait for tracking.
_STOP_CAMERA_S, _FINISH_RECORDING_S = 0.5, 30.0
#: The end of what is played, as long as its tracking advances.
_FINISH_REPLAY_S = 600.0
#: The recording's end when somebody is in a hurry: what is still to be tracked is not waited for.
_HURRY_RECORDING_S = 4.0
#: A Z-lock that does not answer within this must not keep the motors from being stopped.
_RELEASE_FOCUS_S = 0.3
#: In which focus and magnets return from a sweep, however slow; a second Ctrl-C leaves them where they are.
_END_SWEEP_S = 30.0
#: What takes longer at the start is told so often; processes that compute are waited for this long.
_TELL_START_S, _LONGEST_START_S = 20.0, 600.0
#: Who reads or shows frames.
_VIDEO_USERS = ("camera", "tracking", "recording", "gui")


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
        self._loaded = _with_options(loaded, options)
        self._config = self._loaded.config
        self._options = options
        self._listeners = listeners
        self._anchor = WallAnchor.measure()
        self._counters, self._acquired_s = Counters(), 0.0
        self._recordings: list[RecordingFinished] = []
        self._errors: list[str] = []
        self._stop_reason = ""
        self._interrupted = False
        self._hurried = False
        self._status_due = 0.0

    def run(self) -> RunResult:
        """Start everything, run until it is time to end, end everything."""
        with (
            Signals(self._on_signal),
            closing(RunLog(self._anchor, self._loaded.text, self._listeners.on_log)) as log,
            keep_awake() as awake,
        ):
            self._awake: Awake = awake
            again: LoadedConfig | None = self._loaded
            while again is not None:
                self._loaded, self._config = again, again.config
                again = self._run_once(log)
        return self._result()

    def _run_once(self, log: RunLog) -> LoadedConfig | None:
        """Run until it is time to end; return the config with which another run is to follow."""
        with closing(Session.create()) as session:
            listeners = replace(self._listeners, on_log=log.write)
            context = multiprocessing.get_context("spawn")
            shapes = matrix_shapes(self._config)
            handles = make_handles(context, self._config, session, self._anchor.session_start_ns, shapes)
            with closing(Segments(handles, shapes)) as self._segments:
                children = Children(context, handles, log.folder)
                self._line = line = Line(
                    self._loaded, self._options, listeners, self._segments, children, self._anchor
                )
                self._losses = LossWatch(partial(line.log, logging.WARNING))
                line.log(logging.DEBUG, self._introduction())
                try:
                    self._attempt(self._live)
                    self._attempt(self._end_line)
                finally:
                    line.children.end_all()
                    counters = line.board.run_counters(self._segments.video)
                    line.log(logging.DEBUG, f"the run has ended ({line.stopping}): {counters}")
        self._add_up(counters)
        again = line.formats.again if not self._stop_reason and not line.errors else None
        if again is not None:
            self._options = replace(self._options, record=None, command=None, duration_s=self._left_s())
        return again

    def _add_up(self, counters: Counters) -> None:
        line, before = self._line, asdict(self._counters)
        self._counters = Counters(**{name: before[name] + value for name, value in asdict(counters).items()})
        self._acquired_s += line.acquired.seconds
        self._recordings += line.recording.finished
        self._errors += line.errors

    def _left_s(self) -> float | None:
        """Return what is left of the duration for another run."""
        first_ns, duration_s = self._line.acquired.first_ns, self._options.duration_s
        if first_ns is None or duration_s is None:
            return duration_s
        return max(0.0, duration_s - (self._anchor.session_ns() - first_ns) * 1e-9)

    def _live(self) -> None:
        self._compile()
        if self._is_stopping():
            return
        self._line.children.start(self._process_names()[0])
        self._start_line()
        while not self._is_stopping():
            self._turn()
            self._check_time()

    def _compile(self) -> None:
        """Compile what is not compiled yet: no process is to do it, and to be waited for in vain."""
        targets = compile_targets(self._config)
        ensure_compiled(targets, partial(self._line.log, logging.INFO), self._is_stopping)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step; whatever goes wrong in it is said, and the run ends in order all the same."""
        try:
            step()
        except MagscopeError as error:
            self._line.fail(str(error))
        except Exception as error:  # noqa: BLE001 - the user is told, and the children are to be ended in order
            self._line.fail(f"the supervisor stopped: {described(error)}")
            self._line.log(logging.DEBUG, traceback.format_exc())

    def stop(self, reason: str = "completed") -> None:
        """End the run in order; may be called from anywhere."""
        self._stop_reason = self._stop_reason or reason

    def command(self, message: Message) -> None:
        """Carry out a command as if the window had sent it; from the thread that runs the line."""
        self._line.command(message)

    def _on_signal(self, number: int) -> None:
        self._hurried = self._interrupted
        self._interrupted = self._interrupted or number == signal.SIGINT
        self.stop("interrupted")

    def _is_stopping(self) -> bool:
        if self._stop_reason:
            self._line.stop(self._stop_reason)
        return bool(self._line.stopping)

    def _result(self) -> RunResult:
        code = EXIT_INTERRUPTED if self._interrupted else EXIT_FAILED if self._errors else EXIT_OK
        errors = "\n".join(dict.fromkeys(self._errors))
        return RunResult(code, self._counters, self._acquired_s, tuple(self._recordings), errors)

    def _introduction(self) -> str:
        given = "".join(f" --set {override}" for override in self._loaded.overrides)
        return f"magscope-app {__version__}, {platform.platform()}, {self._loaded.path}{given}"

    def _process_names(self) -> tuple[list[str], list[str]]:
        """Return who is needed for the first frame, and who may start after it.

        Starting takes processor time, and there may be two cores only: what is shown first is started first.
        A recording from the first frame, or a protocol, needs everyone.
        """
        first = [*([] if self._options.headless else ["gui"]), "tracking", "camera"]
        later = ["recording", *(name for name in motor_processes(self._config) if name != CAMERA)]
        works = self._config.experiment.protocol is not None or self._options.command is not None
        everyone = self._records_at_once or works
        return ([*first, *later], []) if everyone else (first, later)

    @property
    def _records_at_once(self) -> bool:
        return self._options.record is not None or self._config.recording.start

    # --- start and end -----------------------------------------------------------------------

    def _start_line(self) -> None:
        line = self._line
        form = expected_format(self._config)
        if form is not None:
            self._make_video(form)
        first, later = self._process_names()
        needed = set(first) - {"gui"}
        if later or CAMERA not in motor_processes(self._config):
            # Without axes beside it, or where nobody waits for them, the open camera is enough.
            needed.remove(CAMERA)
        self._await(lambda: line.camera is not None and needed <= line.ready, "the start of the devices")
        if line.camera is None or self._is_stopping():
            return
        if form is None:
            self._make_video(line.camera.format)
        elif form != line.camera.format:
            raise MagscopeError(
                f"the camera gives {line.camera.format}, but its driver announced {form}; mend the driver"
            )
        self._await(lambda: "tracking-video" in line.ready, "the start of tracking")
        line.beads.add(beads_of_config(self._config))
        line.bead_desk.tell()
        if self._records_at_once:
            line.start_recording(StartRecording(self._options.record, self._options.name))
            self._await(lambda: line.recording.running is not None, "the start of the recording")
        line.children.send("camera", StartAcquisition())
        line.acquiring = True
        line.children.start(later)
        if later:
            line.children.send("recording", VideoReady(line.camera.format))
        if not self._config.beads.find:
            line.begin_protocol()

    def _make_video(self, form: FrameFormat) -> None:
        self._segments.create_video(form, camera_waits=camera_waits(self._config))
        self._line.beads.format = form
        for name in _VIDEO_USERS:
            self._line.children.send(name, VideoReady(form))

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something at the start, longer than usual while processes start.

        One of them that gives no sign of life is ended, which ends the run: the others compute.
        """
        began, told = time.monotonic(), 0.0
        while not condition() and not self._is_stopping():
            waited_s, starting = time.monotonic() - began, self._line.children.starting
            if waited_s > (_LONGEST_START_S if starting else START_TIMEOUT_S):
                raise MagscopeError(
                    f"gave up waiting {waited_s:.0f} s for {what}: {self._states()}; is this computer busy?"
                )
            if waited_s > told + _TELL_START_S:
                told = waited_s
                self._line.log(logging.WARNING, f"{what} takes {waited_s:.0f} s already: {self._states()}")
            self._turn()

    def _states(self) -> str:
        """Say what the processes do, those that start first."""
        states = [child.process_state() for child in self._line.children]
        states.sort(key=lambda one: one.state == "running")
        return ", ".join(f"{one.name} is {one.state}" for one in states)

    def _end_line(self) -> None:
        """Stop motors and camera, let what was acquired be tracked and recorded."""
        line = self._line
        if line.calibration.sweeping:
            line.calibration.cancel()
            self._pump(lambda: self._hurried or not line.calibration.sweeping, _END_SWEEP_S)
            line.calibration.leave()
        # A lock that still held the focus would take the stop for somebody's interference.
        line.locks.release()
        self._pump(lambda: not line.locks.holds_focus, _RELEASE_FOCUS_S)
        line.motors.stop_all()
        # An axis that is not well at the end is not to be overlooked.
        line.errors += line.motors.unwell
        played = not line.acquiring
        if line.acquiring:
            line.children.send("camera", StopAcquisition())
            self._pump(lambda: not line.acquiring, _STOP_CAMERA_S)
        self._finish_tracking(played)
        if line.recording.ordered:
            status = line.stopping if line.stopping in ("interrupted", "failed") else "completed"
            self._finish_recording(StopRecording(exit_status=status))
            line.end_recorder()

    def _finish_tracking(self, played: bool) -> None:
        """Let what was acquired be tracked: all of what was `played` to its end, and what nobody records.

        A recorder waits by itself for frames from life; where there is none, only those count that are on
        their way already.
        """
        line, video = self._line, self._segments.video

        def patient() -> bool:
            return played and line.stopping == "completed" and self._stop_reason != "interrupted"

        if video is None or (line.recording.ordered and not patient()):
            return
        drain = Drain(video, video.counters().acquired, patient, _FINISH_REPLAY_S)
        self._pump(lambda: not drain.goes_on(None) or drain.tracked, _FINISH_REPLAY_S)
        if not drain.tracked and not line.recording.ordered:
            line.log(
                logging.WARNING, "the run ends before all frames are tracked: there was no time for them"
            )

    def _finish_recording(self, stop: StopRecording) -> None:
        """Wait for the end of the recording, until a second Ctrl-C only for what is left without tracking."""
        recording = self._line.recording
        recording.tell(stop)
        self._pump(lambda: self._hurried or not recording.ordered, _FINISH_RECORDING_S)
        if recording.ordered:
            recording.tell(replace(stop, hurry=True))
            self._pump(lambda: not recording.ordered, _HURRY_RECORDING_S)

    def _pump(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < deadline:
            self._turn()

    # --- the loop ----------------------------------------------------------------------------

    def _turn(self) -> None:
        """Wait for something to happen, at most a tick, and deal with it."""
        line = self._line
        line.children.wait(_TICK_S)
        for child in line.children:
            died = child.has_died()
            for message in child.messages():
                line.handle(child, message)
            if died:
                child.bury()
                line.on_death(child)
        line.watch()
        self._publish_status()

    def _check_time(self) -> None:
        first_ns, duration_s = self._line.acquired.first_ns, self._options.duration_s
        if first_ns is None or duration_s is None:
            return
        if (self._anchor.session_ns() - first_ns) * 1e-9 >= duration_s:
            self.stop()

    def _publish_status(self) -> None:
        if time.monotonic() < self._status_due:
            return
        self._status_due = time.monotonic() + _STATUS_EVERY_S
        line = self._line
        status = line.board.take(
            self._segments.video,
            line.acquiring,
            len(line.beads),
            [child.process_state() for child in line.children],
            line.acquiring and self._awake.active,
            line.motors.statuses,
            line.locks.states,
        )
        self._losses.look(status.counters, time.monotonic())
        self._listeners.on_status(status)
        line.children.send("gui", status)


def _with_options(loaded: LoadedConfig, options: RunOptions) -> LoadedConfig:
    """Return the config with folder and name of the command line, so that the window offers them again."""
    config = loaded.config
    if options.record is not None:
        recording = config.recording.model_copy(update={"folder": options.record})
        config = config.model_copy(update={"recording": recording})
    if options.name is not None:
        session = config.session.model_copy(update={"name": options.name})
        config = config.model_copy(update={"session": session})
    return replace(loaded, config=config)
