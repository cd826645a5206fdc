"""The feedback process: XY-lock, Z-lock and drift, from the bead rows as they come."""

from __future__ import annotations

import itertools
import logging
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from magscope_app.calibration.messages import UseZLUTs, ZLUTsUsed
from magscope_app.datatypes import MatrixReader
from magscope_app.errors import MagscopeError
from magscope_app.feedback.drift import DriftMeter
from magscope_app.feedback.readings import Frame, frames_of
from magscope_app.feedback.rois import LARGEST_PART, KnownRois
from magscope_app.feedback.state import LockName, LockState
from magscope_app.feedback.xy_lock import XYLock
from magscope_app.feedback.z_lock import Decision, ZLock
from magscope_app.messages import (
    Bead,
    BeadsChanged,
    CommandRefused,
    FrameTimes,
    Message,
    MotorChanged,
    ProcessDied,
    ProcessReady,
    Shutdown,
    StopMotors,
    VideoReady,
)
from magscope_app.messages.locks import (
    LOCK_COMMANDS,
    CorrectFocus,
    FollowBead,
    LockChanged,
    MoveRois,
    ReleaseFocus,
    ShiftZLock,
    SwitchDrift,
    SwitchXYLock,
    SwitchZLock,
)
from magscope_app.processes.calibration_file import ZRanges
from magscope_app.processes.frame_times import frame_times
from magscope_app.processes.handles import DRIFT, XY_LOCK, Z_LOCK, Handles
from magscope_app.processes.link import Link

_log = logging.getLogger(__name__)
#: Longest wait for rows before messages and the focus are looked at, and for messages while all is off.
_WAIT_S, _IDLE_S = 0.05, 0.2
#: State is told so often while a lock is on.
_TELL_EVERY_S = 0.2
#: Rows of the focus that are looked at: at 200 Hz a third of a second.
_TELEMETRY_ROWS = 64
#: Without these there is nothing to go by.
_FRAMES_COME_FROM = ("camera", "tracking")
#: Refusals of others have smaller tokens.
_FIRST_TOKEN = 1 << 40

Rows = npt.NDArray[np.float64]


def run(link: Link, handles: Handles) -> None:
    """Run the locks until told to end."""
    loop = _FeedbackLoop(link, handles)
    try:
        loop.run()
    finally:
        loop.close()


class _FeedbackLoop:
    def __init__(self, link: Link, handles: Handles) -> None:
        self._link = link
        self._handles = handles
        config = handles.config
        factor = config.optics.focal_shift_factor
        self._xy = XYLock(config.xy_lock, config.beads.roi_px, config.optics.nm_per_px)
        times, ranges = frame_times(config), _ranges(config.tracking.zlut)
        self._z = ZLock(config.z_lock, factor, times.exposure_s, times.period_s, ranges)
        focus = config.motor_with_role("focus")
        self._drift = DriftMeter(config.drift, factor if focus else None)
        self._focus_name = focus.name if focus else ""
        self._telemetry = handles.telemetry(focus.name) if focus else None
        self._tracks = handles.tracks()
        self._matrices = {name: handles.matrix(name) for name in (DRIFT, XY_LOCK, Z_LOCK)}
        self._reader: MatrixReader | None = None
        self._beads: dict[int, Bead] = {}
        self._rois = KnownRois(config.beads.roi_px)
        self._version = -1
        self._size: tuple[int, int] | None = None
        self._waiting: list[Rows] = []
        self._xy_due_ns = 0.0
        self._tokens = itertools.count(_FIRST_TOKEN)
        self._first_token = _FIRST_TOKEN
        self._told: dict[LockName, LockState] = {}
        self._tell_due = 0.0
        self._begun = handles.restarted
        self._ending = False

    def run(self) -> None:
        self._link.send(ProcessReady("feedback"))
        while not self._ending:
            on = self._xy.on or self._z.on or self._drift.on
            self._attach(on)
            self._listen(0.0 if on else _IDLE_S)
            if self._reader is not None:
                self._reader.wait(_WAIT_S)
                # What is seen of the focus after its cause was told is not taken for interference.
                focus = self._focus_rows()
                self._listen(0.0)
                self._take(self._reader.read(), focus)
            self._tell()

    def close(self) -> None:
        for part in (self._reader, self._telemetry, self._tracks, *self._matrices.values()):
            if part is not None:
                part.close()

    def _attach(self, on: bool) -> None:
        """Read rows only while somebody needs them."""
        if on and self._reader is None:
            self._reader = self._tracks.reader("feedback", start="newest")
            # A reader of this name goes on where the last one ended: what lies between is of no interest.
            self._reader.read()
        elif not on and self._reader is not None:
            self._reader.close()
            self._reader = None

    # --- messages ----------------------------------------------------------------------------

    def _listen(self, timeout_s: float) -> None:
        message = self._link.receive(timeout_s)
        while message is not None:
            self._handle(message)
            message = self._link.receive()

    def _handle(self, message: Message) -> None:
        match message:
            case BeadsChanged(beads, version, roi_px):
                self._xy.roi_px = roi_px
                self._know_beads(beads, version, roi_px)
            case FrameTimes(exposure_s, period_s):
                self._z.time_frames(exposure_s, period_s)
            case VideoReady(form):
                self._size = (form.width_px, form.height_px)
            case MotorChanged(status) if status.name == self._focus_name and not status.is_well:
                self._z_lets_go(status.text or f"the focus is {status.state}")
            case CommandRefused(_, text, token) if token >= self._first_token:
                self._z_lets_go(text)
            case StopMotors():
                self._z_lets_go("all axes were stopped")
            case ReleaseFocus(reason):
                self._z_lets_go(reason)
            case UseZLUTs() | ZLUTsUsed() | CommandRefused("tracking"):
                self._change_zluts(message)
            case ProcessDied(name) if name in _FRAMES_COME_FROM and self._z.state.stage == "on":
                self._z_lets_go(f"the {name} process has ended, no frames come")
            case Shutdown():
                self._ending = True
            case _ if isinstance(message, LOCK_COMMANDS):
                self._switch(message)

    def _switch(self, message: Message) -> None:
        match message:
            case SwitchXYLock(on):
                self._xy.begin() if on else self._xy.let_go()
            case FollowBead(bead_id, on):
                self._xy.follow(bead_id, on)
            case SwitchZLock(True, bead_ids):
                self._begin_z(bead_ids)
            case SwitchZLock(False):
                self._z.let_go()
            case ShiftZLock(distance_nm, token):
                if (refusal := self._z.shift(distance_nm)) is not None:
                    self._link.send(CommandRefused("feedback", refusal, token))
            case SwitchDrift(True, bead_ids):
                self._drift.begin(self._references(bead_ids or self._handles.config.drift.beads))
            case SwitchDrift(False):
                self._drift.end()

    def _change_zluts(self, message: UseZLUTs | ZLUTsUsed | CommandRefused) -> None:
        """Let nobody take other Z-LUTs, which are about to come, for a movement."""
        match message:
            case UseZLUTs(path) if self._z.state.stage == "on":
                self._z.let_go(f"z is to be measured with {path.name} from now on")
            case ZLUTsUsed(path, _, copy):
                self._z.measure_with(ZRanges(copy or path))
                self._drift.relearn()
                if self._reader is not None:
                    # Of the old Z-LUTs, for the most part.
                    self._waiting.clear()
                    self._reader.read()
        self._drift.pause(isinstance(message, UseZLUTs))

    @property
    def _largest_jump_nm(self) -> float:
        """How far a bead may jump in x and y and be the same."""
        return LARGEST_PART * self._rois.roi_px * self._handles.config.optics.nm_per_px

    def _know_beads(self, beads: tuple[Bead, ...], version: int, roi_px: int) -> None:
        """Take the list; let nobody take another bead, or another ROI, for a movement."""
        gone = set(self._beads) - {bead.id for bead in beads}
        self._beads, self._version = {bead.id: bead for bead in beads}, version
        others = self._rois.know({bead.id: (bead.x_px, bead.y_px) for bead in beads}, roi_px)
        self._z.know_size(self._largest_jump_nm)
        self._z.forget(gone)
        self._z.doubt(others)
        self._drift.forget(gone)
        self._drift.forget(
            others.keys(), "have ROIs that were moved or resized: z, or the beads, may be others"
        )
        if self._beads and not self._begun:
            self._begun = True
            self._begin_as_configured()

    def _begin_as_configured(self) -> None:
        config = self._handles.config
        if config.xy_lock.on:
            self._xy.begin()
        if config.z_lock.on:
            self._begin_z(())
        if config.drift.on:
            self._drift.begin(self._references(config.drift.beads))

    def _begin_z(self, bead_ids: tuple[int, ...]) -> None:
        if self._telemetry is None:
            self._z.refuse("the config has no motor with the role focus")
            return
        # Refusals of corrections that were sent before concern this lock no more.
        self._first_token = next(self._tokens)
        self._z.begin(self._references(bead_ids or self._handles.config.z_lock.beads))

    def _references(self, named: tuple[int, ...]) -> tuple[int, ...]:
        """Return the beads that are named, or else those with the role reference."""
        return named or tuple(bead.id for bead in self._beads.values() if bead.role == "reference")

    def _z_lets_go(self, reason: str) -> None:
        if self._z.on:
            self._z.let_go(reason)

    # --- rows --------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        return time.perf_counter_ns() - self._handles.session_start_ns

    def _focus_rows(self) -> Rows:
        return self._telemetry.newest(_TELEMETRY_ROWS) if self._telemetry is not None else np.empty((0, 5))

    def _take(self, rows: Rows, focus: Rows) -> None:
        if self._z.on:
            self._z.watch(focus, self._now_ns())
        if not len(rows):
            return
        if self._z.on or self._drift.on:
            drift = []
            for frame in frames_of(rows, {*self._z.bead_ids, *self._drift.bead_ids}):
                self._correct_focus(frame, focus)
                found = self._drift.take(frame)
                drift += [found.row()] if found is not None else []
            if drift:
                self._matrices[DRIFT].write(np.array(drift))
        if self._xy.on and self._size is not None:
            self._follow(rows, self._size)

    def _correct_focus(self, frame: Frame, focus: Rows) -> None:
        if not self._z.on:
            return
        decision = self._z.take(frame, focus)
        if decision is None:
            return
        sent_ns = np.nan
        if decision.correction_nm:
            sent_ns = self._now_ns()
            self._link.send(self._order(decision, sent_ns))
            self._z.sent(decision, sent_ns)
        row = (
            decision.frame_id,
            decision.t_ns,
            sent_ns,
            decision.error_nm,
            decision.correction_nm,
            decision.focus_nm,
            decision.n_beads,
        )
        self._matrices[Z_LOCK].write(np.array([row]))

    def _order(self, decision: Decision, sent_ns: int) -> CorrectFocus:
        return CorrectFocus(
            motor=self._focus_name,
            position=decision.focus_nm,
            token=next(self._tokens),
            frame_id=decision.frame_id,
            t_ns=int(decision.t_ns),
            sent_ns=sent_ns,
            error_nm=decision.error_nm,
            correction_nm=decision.correction_nm,
            n_beads=decision.n_beads,
        )

    def _follow(self, rows: Rows, size: tuple[int, int]) -> None:
        """Move ROIs from time to time; until then, rows are kept as far as the window needs them."""
        self._waiting.append(rows)
        t_ns = float(rows[-1, 1])
        if t_ns < self._xy_due_ns:
            self._waiting = self._waiting[-self._handles.config.xy_lock.window :]
            return
        self._xy_due_ns = t_ns + 1e9 * self._handles.config.xy_lock.interval_s
        kept, self._waiting = np.concatenate(self._waiting), []
        centres = {bead.id: (bead.x_px, bead.y_px) for bead in self._beads.values()}
        look = self._xy.look(kept, centres, size)
        if look.moves:
            self._rois.expect(look.moves)
            self._link.send(MoveRois(look.moves, self._version, look.frame_id, int(look.t_ns)))
        row = (look.frame_id, look.t_ns, look.rms_px, look.farthest_px, look.n_beads)
        self._matrices[XY_LOCK].write(np.array([(*row, len(look.moves), len(look.held))]))

    # --- state -------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Say how the locks are: at once where one is switched or lets go, else from time to time."""
        now = time.monotonic()
        for state in (self._xy.state, self._z.state, self._drift.state):
            told = self._told.get(state.name)
            if _turned(told, state) or (now >= self._tell_due and state != told):
                self._told[state.name] = state
                self._link.send(LockChanged(state))
        if now >= self._tell_due:
            self._tell_due = now + _TELL_EVERY_S


def _ranges(path: Path | None) -> ZRanges:
    """Return the ranges of a file that may be another by now: those that count are told."""
    try:
        return ZRanges(path)
    except MagscopeError as error:
        _log.warning("%s; the Z-lock waits for the Z-LUTs that beads are tracked with", error)
        return ZRanges(None)


def _turned(told: LockState | None, state: LockState) -> bool:
    """Return whether a lock was switched, has begun or has let go since others were told."""
    if told is None:
        return True
    switched = (told.stage, told.begun, told.bead_ids) != (state.stage, state.begun, state.bead_ids)
    return switched or (state.let_go and told.reason != state.reason)
