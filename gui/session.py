"""The one place where Qt meets the engine: messages and shared memory in, commands out."""

from __future__ import annotations

import math
import time
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from gui.background import Background
from gui.bead_commands import BeadCommands
from gui.feeds import BufferHandles, Feeds
from gui.lock_commands import LockCommands
from gui.models.age import stale_after_s
from gui.models.edits import ANSWERED, BeadList
from gui.models.history import TraceHistory
from gui.models.selection import Selection
from gui.models.state import State
from gui.snapshot import Snapshot
from gui.zluts import ZLuts
from magscope_app.calibration.messages import (
    CancelSweep,
    PauseSweep,
    SaveZLUTs,
    StartSweep,
    SweepBufferReady,
    UseZLUTs,
    ZLUTsUsed,
)
from magscope_app.config import BeadRole, RecordingMode
from magscope_app.devices.force import ForceCalibration, force_calibration
from magscope_app.devices.setting import SettingValue
from magscope_app.messages import (
    AddNote,
    Bead,
    BeadsChanged,
    CommandRefused,
    HomeMotor,
    JogMotor,
    Message,
    MoveMotor,
    NextRecording,
    ProcessReady,
    Quit,
    RampForce,
    ReconnectMotor,
    RecordingStarted,
    RenameRecording,
    SelectBead,
    SetCameraSetting,
    SetForce,
    StartRecording,
    StopMotors,
    StopRecording,
)
from magscope_app.processes.bead_owner import roi_of
from magscope_app.processes.link import Link, LinkClosed

#: Messages taken at most per pull, so that a flood cannot hold the window.
_MAX_MESSAGES = 500
#: Starting and stopping a recording are answered within this time, or may be asked for again.
_ANSWER_TIMEOUT_NS = 10_000_000_000
#: Bead rows are taken so often; images come more often.
_ROWS_EVERY_NS = 40_000_000

#: Frames may come so long after a change of the camera was told that were taken before it.
_ON_THEIR_WAY_NS = 1_000_000_000


class Session(QObject):
    """Pulls snapshots and sends commands; never waits for anything.

    Parameters
    ----------
    link : Link
        To the supervisor.
    handles : BufferHandles
        To the shared memory.
    """

    #: The selected bead has changed.
    selection_changed = pyqtSignal()
    #: What is recorded when recording starts is another.
    order_changed = pyqtSignal()
    #: The supervisor says that all is over, or is gone.
    ended = pyqtSignal()

    def __init__(self, link: Link, handles: BufferHandles) -> None:
        super().__init__()
        self.config = handles.config
        self.state = State(clock=time.perf_counter_ns)
        self.history = TraceHistory()
        self.selection = Selection()
        #: What is recorded when recording starts.
        self.recording_order = StartRecording(
            self.config.recording.folder, self.config.session.name, self.config.recording.mode
        )
        self._told_order = self._next_recording()
        #: Why that cannot be recorded as it is typed; empty where it can.
        self.order_refused = ""
        self._link = link
        self._start_ns = handles.session_start_ns
        self._feeds = Feeds(handles)
        self._was_empty = True
        self._asked_ns = 0
        self._over = self._stops_soon = False
        self._rows_due_ns = 0
        self.state.roi_px = self.config.beads.roi_px
        self.background = Background(self.state.warn)
        #: Magnet height to force; None as long as it is not read, or where the config does not say.
        self.force: ForceCalibration | None = None
        self.background.run(lambda: force_calibration(self.config.force), self._take_force)
        self.zluts = ZLuts(self.background, self.config.tracking.zlut)
        self.beads = BeadCommands(link.send, self.state, self.background, self.zluts)
        self.locks = LockCommands(link.send, self._feeds.lock_rows)

    def _take_force(self, calibration: ForceCalibration | None) -> None:
        self.force = calibration

    @property
    def run(self) -> int:
        """What tells this run from others; the same in a window that is opened again."""
        return self._start_ns

    @property
    def fps(self) -> float:
        """Frames per second of the camera as it runs now."""
        return self.state.fps(self.config.camera)

    @property
    def exposure_s(self) -> float | None:
        """Exposure of a frame now, None where neither camera nor config says it."""
        return self.state.exposure_s(self.config.camera)

    @property
    def timed_since_s(self) -> float:
        """Session time from which on every frame has the exposure and the rate of now; −∞ for all frames."""
        told_ns = self.state.retimed_ns
        return -math.inf if told_ns is None else (told_ns - self._start_ns + _ON_THEIR_WAY_NS) * 1e-9

    @property
    def stale_after_s(self) -> float:
        """Age at which images and rows are old: a second, or more where the camera is slow."""
        return stale_after_s(self.fps)

    @property
    def selected(self) -> int | None:
        """The bead whose traces and profile are shown."""
        return self.selection.shown

    def close(self) -> None:
        """Finish work in the background and detach from the shared memory."""
        self.background.close()
        self._feeds.close()

    # --- looking -----------------------------------------------------------------------------

    def pull(self, *, picture: bool = True) -> Snapshot:
        """Take in what has come and return the state of everything.

        Parameters
        ----------
        picture : bool
            False where nobody looks at the image, so that it need not be copied.
        """
        self._receive()
        self.background.deliver()
        self.beads.go_on()
        self._give_up_waiting()
        if time.perf_counter_ns() >= self._rows_due_ns:
            self._rows_due_ns = time.perf_counter_ns() + _ROWS_EVERY_NS
            self.history.add(self._feeds.rows())
        return Snapshot(
            now_ns=time.perf_counter_ns() - self._start_ns,
            state=self.state,
            picture=self._feeds.picture() if picture else None,
            boxes=self._feeds.boxes(),
            selection=self.selection,
            history=self.history,
            profile=self._feeds.profile(),
            motors={
                name: reading
                for name in (motor.name for motor in self.config.motors)
                if (reading := self._feeds.motor(name)) is not None
            },
        )

    def rows_soon(self) -> None:
        """Take bead rows with the next pull."""
        self._rows_due_ns = 0

    def sweep_preview(self) -> dict[str, object] | None:
        """Return the profiles of the selected bead in the last sweep, None before the first."""
        return self._feeds.sweep(self.selected)

    def _receive(self) -> None:
        if self._over:
            return
        try:
            for _ in range(_MAX_MESSAGES):
                message = self._link.receive()
                if message is None:
                    break
                self._take(message)
        except LinkClosed:
            self.state.shutdown = True
        if self.state.shutdown:
            self._over = True
            self.ended.emit()

    def _take(self, message: Message) -> None:
        before = BeadList(self.state.beads, self.state.roi_px)
        self.state.apply(message)
        if self.state.video_ready:
            self._feeds.open_video()
        if isinstance(message, SweepBufferReady):
            self._feeds.open_sweep()
        if isinstance(message, ZLUTsUsed):
            self.zluts.use(message.path)
        if isinstance(message, StartRecording):
            # A window that was opened again goes on with what was ordered in the one before.
            known = self.recording_order
            self.order_recording(
                message.folder or known.folder, message.name or known.name, message.mode or known.mode
            )
        self._stop_what_was_started(message)
        if isinstance(message, SelectBead):
            self.choose(Selection.of(message.chosen, message.bead_id).within(self.state.beads))
        if isinstance(message, BeadsChanged):
            self._follow_beads(before)
        if isinstance(message, CommandRefused) and message.command in ANSWERED:
            self.beads.refused()

    def _stop_what_was_started(self, message: Message) -> None:
        """Stop a recording that was to be stopped before it had begun; that of nobody else."""
        if self.state.starting:
            return
        stops, self._stops_soon = self._stops_soon, False
        if stops and isinstance(message, RecordingStarted):
            self.stop_recording()

    def _follow_beads(self, before: BeadList) -> None:
        """Keep the selection sensible: a bead just added is selected, a removed one is not."""
        after = BeadList(self.state.beads, self.state.roi_px)
        self.history.keep_only({bead.id: _corner(bead, after.roi_px) for bead in after.beads.values()})
        for bead_id in before.replaced(after):
            self.history.begin_anew(
                bead_id, *(_corner(known.beads[bead_id], known.roi_px) for known in (before, after))
            )
        added = self.beads.follow(before, after)
        if added:
            self.choose(Selection.of(added))
        elif self._was_empty and self.selected is None and after.beads:
            self.select(min(after.beads))
        else:
            self.choose(self.selection.within(after.beads))
        self._was_empty = not after.beads

    # --- commands ----------------------------------------------------------------------------

    def announce(self) -> None:
        """Tell the supervisor that the window is shown."""
        self._link.send(ProcessReady("gui"))

    def quit(self) -> None:
        """Ask for the end of everything."""
        self._link.send(Quit())

    def select(self, bead_id: int | None) -> None:
        """Choose this bead alone, and show its traces and profile."""
        self.choose(Selection.of(() if bead_id is None else (bead_id,)))

    def choose(self, selection: Selection) -> None:
        """Choose beads; one of them is shown."""
        if selection != self.selection:
            self._link.send(SelectBead(selection.shown, tuple(sorted(selection.chosen))))
            self.selection = selection
            self.selection_changed.emit()

    def remove_selected(self) -> None:
        """Take the chosen beads off the list."""
        self.beads.remove(lambda: self.selection.chosen)

    def select_all(self) -> None:
        """Choose every bead."""
        self.choose(Selection.of(self.state.beads, self.selected))

    def set_role(self, role: BeadRole) -> None:
        """Say what the chosen beads are for."""
        self.beads.set_role(lambda: self.selection.chosen, role)

    def set_camera(self, name: str, value: SettingValue) -> None:
        """Change a setting of the camera."""
        self._link.send(SetCameraSetting(name, value))

    def move_motor(self, name: str, position: float) -> None:
        """Move an axis to a position."""
        self._link.send(MoveMotor(name, position))

    def jog_motor(self, name: str, distance: float) -> None:
        """Move an axis by a distance."""
        self._link.send(JogMotor(name, distance))

    def home_motor(self, name: str) -> None:
        """Let an axis look for its reference position."""
        self._link.send(HomeMotor(name))

    def reconnect_motor(self, name: str) -> None:
        """Close an axis and open it anew; it does not move."""
        self._link.send(ReconnectMotor(name))

    def set_force(self, force_pn: float) -> None:
        """Move the magnets to where the force is this."""
        self._link.send(SetForce(force_pn))

    def ramp_force(self, force_pn: float, rate_pn_s: float) -> None:
        """Let the force go to a value at a constant loading rate."""
        self._link.send(RampForce(force_pn, rate_pn_s))

    def stop_motors(self) -> None:
        """Stop all axes at once."""
        self._link.send(StopMotors())

    def calibrate(self, command: StartSweep | PauseSweep | CancelSweep | SaveZLUTs | UseZLUTs) -> None:
        """Start, hold, go on with or cancel a sweep, or save what came of it."""
        self._link.send(command)

    def start_recording(self) -> None:
        """Start the dataset that `recording_order` describes."""
        if self.order_refused:
            # Anything else would be recorded than what is to be seen.
            self.state.warn(f"nothing is recorded: {self.order_refused}")
        elif self.state.recording is None and not self.state.starting:
            self.state.starting = True
            self._stops_soon = False
            self._asked_ns = time.perf_counter_ns()
            self._link.send(self.recording_order)

    @property
    def is_recording(self) -> bool:
        """Whether a recording runs, or was asked for."""
        return self.state.recording is not None or self.state.starting

    def stop_recording(self) -> None:
        """Finish the dataset with the newest frame; one that is being started, as soon as it has."""
        self._stops_soon = self.state.starting
        if self.state.recording is not None and not self.state.stopping:
            self.state.stopping = True
            self._asked_ns = time.perf_counter_ns()
            self._link.send(StopRecording())

    def order_recording(self, folder: Path | None, name: str | None, mode: RecordingMode | None) -> None:
        """Say what is recorded when recording starts."""
        self.recording_order = StartRecording(folder, name, mode)
        self.order_changed.emit()
        self.tell_order()

    def tell_order(self) -> None:
        """Let the supervisor keep what is chosen for a window after this one, and look at its disk."""
        order = self._next_recording()
        if order != self._told_order:
            self._told_order = order
            self._link.send(order)

    def _next_recording(self) -> NextRecording:
        order = self.recording_order
        return NextRecording(order.folder or self.config.recording.folder, order.name, order.mode)

    def rename_recording(self, name: str) -> None:
        """Give the running dataset another name."""
        self._link.send(RenameRecording(name))

    def add_note(self, text: str) -> None:
        """Keep a sentence in the running dataset."""
        self._link.send(AddNote(text))

    def _give_up_waiting(self) -> None:
        """Let the user try again where starting or stopping was never answered."""
        waiting = self.state.starting or self.state.stopping
        if waiting and time.perf_counter_ns() > self._asked_ns + _ANSWER_TIMEOUT_NS:
            asked = "start" if self.state.starting else "stop"
            self.state.starting = self.state.stopping = self._stops_soon = False
            self.state.warn(f"Nobody answered the command to {asked} recording; see the log and try again.")


def _corner(bead: Bead, roi_px: int) -> tuple[float, float]:
    x0, _, y0, _ = roi_of(bead.x_px, bead.y_px, roi_px)
    return x0, y0
