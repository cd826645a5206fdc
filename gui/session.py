"""The one place where Qt meets the engine: messages and shared memory in, commands out."""

from __future__ import annotations

import time

from PyQt6.QtCore import QObject, pyqtSignal

from gui.feeds import BufferHandles, Feeds
from gui.models.history import TraceHistory
from gui.models.state import State
from gui.snapshot import Snapshot
from magscope_app.calibration.messages import CancelSweep, PauseSweep, SaveZLUTs, StartSweep, SweepBufferReady
from magscope_app.config import BeadRole
from magscope_app.devices.setting import SettingValue
from magscope_app.messages import (
    AddBead,
    AddNote,
    BeadsChanged,
    FindBeads,
    HomeMotor,
    JogMotor,
    Message,
    MoveBead,
    MoveMotor,
    ProcessReady,
    Quit,
    RemoveBeads,
    RenameRecording,
    SelectBead,
    SetBeadRole,
    SetCameraSetting,
    StartRecording,
    StopMotors,
    StopRecording,
)
from magscope_app.processes.link import Link, LinkClosed

#: Messages taken at most per pull, so that a flood cannot hold the window.
_MAX_MESSAGES = 500
#: A bead that was asked for is selected if it appears within this time.
_ADD_TIMEOUT_NS = 3_000_000_000
#: Starting and stopping a recording are answered within this time, or may be asked for again.
_ANSWER_TIMEOUT_NS = 10_000_000_000


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
    #: The supervisor says that all is over, or is gone.
    ended = pyqtSignal()

    def __init__(self, link: Link, handles: BufferHandles) -> None:
        super().__init__()
        self.config = handles.config
        self.state = State(clock=time.perf_counter_ns)
        self.history = TraceHistory()
        self.selected: int | None = None
        #: What is recorded when recording starts.
        self.recording_order = StartRecording(
            self.config.recording.folder, self.config.session.name, self.config.recording.mode
        )
        self._link = link
        self._start_ns = handles.session_start_ns
        self._feeds = Feeds(handles)
        self._was_empty = True
        self._adding_until_ns = 0
        self._asked_ns = 0
        self._over = False

    def close(self) -> None:
        """Detach from the shared memory."""
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
        self._give_up_waiting()
        self.history.add(self._feeds.rows())
        return Snapshot(
            now_ns=time.perf_counter_ns() - self._start_ns,
            state=self.state,
            picture=self._feeds.picture() if picture else None,
            boxes=self._feeds.boxes(),
            selected=self.selected,
            history=self.history,
            profile=self._feeds.profile(),
            motors={
                name: reading
                for name in (motor.name for motor in self.config.motors)
                if (reading := self._feeds.motor(name)) is not None
            },
        )

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
        before = set(self.state.beads)
        self.state.apply(message)
        if self.state.video_ready:
            self._feeds.open_video()
        if isinstance(message, SweepBufferReady):
            self._feeds.open_sweep()
        if isinstance(message, BeadsChanged):
            self._follow_beads(before)

    def _follow_beads(self, before: set[int]) -> None:
        """Keep the selection sensible: a bead just added is selected, a removed one is not."""
        beads = set(self.state.beads)
        self.history.keep_only(beads)
        fresh = beads - before
        if fresh and time.perf_counter_ns() < self._adding_until_ns:
            self._adding_until_ns = 0
            self.select(max(fresh))
        elif self.selected is not None and self.selected not in beads:
            self.select(None)
        elif self._was_empty and self.selected is None and beads:
            self.select(min(beads))
        self._was_empty = not beads

    # --- commands ----------------------------------------------------------------------------

    def announce(self) -> None:
        """Tell the supervisor that the window is shown."""
        self._link.send(ProcessReady("gui"))

    def quit(self) -> None:
        """Ask for the end of everything."""
        self._link.send(Quit())

    def select(self, bead_id: int | None) -> None:
        """Show this bead's traces and profile."""
        if bead_id != self.selected:
            self.selected = bead_id
            self._link.send(SelectBead(bead_id))
            self.selection_changed.emit()

    def add_bead(self, x_px: float, y_px: float) -> None:
        """Ask for a bead here; it is selected when it exists."""
        self._adding_until_ns = time.perf_counter_ns() + _ADD_TIMEOUT_NS
        self._link.send(AddBead(x_px, y_px))

    def find_beads(self) -> None:
        """Look for beads in the next frame; those that are not on the list yet are added."""
        self._link.send(FindBeads())

    def move_bead(self, bead_id: int, x_px: float, y_px: float) -> None:
        """Centre a bead's ROI here."""
        self._link.send(MoveBead(bead_id, x_px, y_px))

    def remove_beads(self, bead_ids: tuple[int, ...]) -> None:
        """Take beads off the list."""
        if bead_ids:
            self._link.send(RemoveBeads(bead_ids))

    def remove_selected(self) -> None:
        """Take the selected bead off the list."""
        if self.selected is not None:
            self.remove_beads((self.selected,))

    def set_role(self, bead_id: int, role: BeadRole) -> None:
        """Say what a bead is for."""
        self._link.send(SetBeadRole(bead_id, role))

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

    def stop_motors(self) -> None:
        """Stop all axes at once."""
        self._link.send(StopMotors())

    def calibrate(self, command: StartSweep | PauseSweep | CancelSweep | SaveZLUTs) -> None:
        """Start, hold, go on with or cancel a sweep, or save what came of it."""
        self._link.send(command)

    def start_recording(self) -> None:
        """Start the dataset that `recording_order` describes."""
        if self.state.recording is None and not self.state.starting:
            self.state.starting = True
            self._asked_ns = time.perf_counter_ns()
            self._link.send(self.recording_order)

    def stop_recording(self) -> None:
        """Finish the dataset with the newest frame."""
        if self.state.recording is not None and not self.state.stopping:
            self.state.stopping = True
            self._asked_ns = time.perf_counter_ns()
            self._link.send(StopRecording())

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
            self.state.starting = self.state.stopping = False
            self.state.warn(f"Nobody answered the command to {asked} recording; see the log and try again.")
