"""One axis in its process: opened, moved, watched; its state machine."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from magscope_app.datatypes import MatrixBuffer
from magscope_app.devices import DeviceError, DeviceLost, LimitError, Motor
from magscope_app.devices.force import ForceCalibration
from magscope_app.errors import FOREIGN
from magscope_app.messages import Fault, MotorChanged, MotorInfo, MotorState, MotorStatus
from magscope_app.processes.force_ramp import RampOnWay, height_for, plan_ramp
from magscope_app.processes.goal import Goal, why_not_there
from magscope_app.processes.halting import Halting

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
#: An axis that stands still so long short of its target will not arrive.
_SETTLE_S = 0.5
#: Positions that may fail to come, one after the other, before the axis counts as lost.
_MISSES = 3
#: Answers come within this time; opening a device may take longer.
_ANSWER_S, _OPEN_S = 5.0, 30.0
#: While the focus moves, it is looked at so often: every frame is told where it was.
_FOCUS_MOVING_NS = 5_000_000
#: So often, at least, an axis on a ramp is told where to be, whatever its telemetry.
_RAMP_NS = 20_000_000
#: Looking for a reference position takes at most this long.
_HOME_S = 600.0


class _NoPosition(DeviceError):
    """The driver answers, but with what is no place."""


class Axis:
    """Drives one motor and knows its state.

    All methods but `note_halt`, `halt` and `overdue` belong to one thread.

    Parameters
    ----------
    name : str
        Of the axis.
    make : callable
        Makes a new, unopened motor; called again for every reconnection.
    telemetry : MatrixBuffer
        Takes TELEMETRY_COLUMNS rows.
    session_start_ns : int
        ``perf_counter_ns`` at which the session clock is 0.
    tell : callable
        Takes what is new about the axis; may be called from any thread.
    anew : bool
        Another process had the axis before, and died.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Motor],
        telemetry: MatrixBuffer,
        session_start_ns: int,
        tell: Callable[[MotorChanged], None],
        *,
        anew: bool = False,
    ) -> None:
        self.name = name
        self.info: MotorInfo | None = None
        self._make = make
        self._motor = make()
        self._telemetry = telemetry
        self._start_ns = session_start_ns
        self._tell = tell
        self._anew = anew
        self._guard = threading.Lock()
        self._state: MotorState = "closed"
        self._goal: Goal | None = None
        self._ramp: RampOnWay | None = None
        self._position = self._target = math.nan
        self._misses = 0
        self._halting = Halting(name, self._motor.unit)
        #: How often the axis had been told to stop before what is done now.
        self._stops = 0
        #: While the driver is given a move, which may last until the axis has arrived.
        self._sets_off = False
        #: Until when the call to the driver that runs now must have ended.
        self._due = math.inf
        self._asked = 0.0
        self._closes = False
        period_s = 1.0 / self._motor.context.motor.telemetry_hz
        self._period_ns = int(1e9 * period_s)
        role = self._motor.context.motor.role
        self._moving_ns = min(self._period_ns, _FOCUS_MOVING_NS) if role == "focus" else self._period_ns
        self.due_ns = time.perf_counter_ns()
        #: Before that, an axis on a ramp writes no further row.
        self._row_ns = 0

    @property
    def state(self) -> MotorState:
        """What the axis is doing."""
        return self._state

    @property
    def _limits(self) -> tuple[float, float]:
        return self.info.limits if self.info else (-math.inf, math.inf)

    def hangs(self) -> str:
        """Say for how long the driver has not come back from the call that it was given."""
        doing = "closing it" if self._closes else "a call"
        waited_s = time.monotonic() - self._asked
        return f"{self.name} does not answer any more: its driver is in {doing} for {waited_s:.1f} s"

    @property
    def is_called(self) -> bool:
        """True while the driver is asked for something."""
        return self._due < math.inf

    # --- opening and closing -----------------------------------------------------------------

    def open(self) -> None:
        """Open the axis, also anew; it does not move. What fails leaves it lost, and is told.

        A move that goes on from before, whose process died or whose line broke, is stopped.
        """
        anew = self._anew or self._state != "closed"
        self._say("opening")
        self._goal = self._ramp = None
        self._release()
        try:
            motor = self._motor = self._make()
            self._call(motor.open, _OPEN_S)
            low, high = self._call(lambda: motor.limits)
            if not low < high:
                raise DeviceError(f"its limits and those of the config leave nothing: {low:g} to {high:g}")
            moves = anew and self._call(motor.is_moving)
            self._position = self._target = self._where()
            refusal = self._call(motor.why_not_home)
        except DeviceError as error:
            self._release()
            self._say("lost", f"{self.name} could not be opened: {error}; see to it, then reconnect it")
            return
        if refusal is not None:
            _log.warning("%s", refusal)
        self.info = MotorInfo(self.name, motor.context.motor.role, motor.unit, (low, high))
        self._misses = 0
        self._halting.forget()
        self._say("moving" if moves else "ready")
        if moves:
            self._break_off()

    def close(self) -> None:
        """Release the axis; its telemetry ends."""
        self._release()
        self._say("closed")

    def _release(self) -> None:
        self._closes = True
        try:
            self._call(self._motor.close)
        except DeviceError as error:
            _log.warning("%s", self._about("was not closed in order", error))
        finally:
            self._closes = False

    # --- commands ----------------------------------------------------------------------------

    def move(self, position: float) -> None:
        """Set off for a position.

        Raises
        ------
        DeviceError
            The axis refuses, or does not answer; nothing has moved.
        """
        self._require_answering()
        # What is refused leaves the move that goes on as it is.
        self._call(lambda: self._motor.require_within(position))
        way = abs(position - self._position)
        self._go(position, lambda: self._motor.move_to(position), self._motor.arrival_s(way))
        self._target = position
        if self._moving_ns < self._period_ns:
            self.due_ns = time.perf_counter_ns()

    def jog(self, distance: float) -> None:
        """Set off for the place this far from where the axis is, or is going. Raises like `move`."""
        goal = None if self._halting.is_pending else self._goal
        if goal is not None and goal.is_reference:
            raise DeviceError(f"{self.name} looks for its reference position; wait for it, or stop it")
        known = goal is not None or abs(self._position - self._target) <= self._motor.tolerance
        self.move((self._target if known else self._position) + distance)

    def home(self) -> None:
        """Look for the reference position. Raises like `move`."""
        self._require_answering()
        if (refusal := self._call(self._motor.why_not_home)) is not None:
            raise LimitError(refusal)
        low, high = self._limits
        place = self._call(self._motor.home_position)
        self._go(None, self._motor.home, min(self._motor.arrival_s(high - low), _HOME_S))
        self._target = math.nan if place is None else place

    def set_force(self, calibration: ForceCalibration, force_pn: float) -> None:
        """Move the magnets to where the force is `force_pn`. Raises like `move`."""
        self._require_answering()
        self.move(height_for(self._motor, calibration, force_pn))

    def ramp_force(self, calibration: ForceCalibration, force_pn: float, rate_pn_s: float) -> None:
        """Begin a ramp of the force. Raises like `move`."""
        self._require_answering()
        plan = self._call(lambda: plan_ramp(self._motor, calibration, force_pn, rate_pn_s))
        self._take_over()
        self._goal = None
        self._ramp = RampOnWay(plan, self._limits, time.monotonic())
        self.due_ns = time.perf_counter_ns()
        self._say("moving")

    def _go(self, position: float | None, set_off: Callable[[], None], within_s: float) -> None:
        # Before the last look for a stop: one that comes later is given again (`note_halt`).
        self._sets_off = True
        try:
            self._take_over()
            self._goal, self._ramp = Goal(position, time.monotonic() + within_s), None
            self._say("moving")
            # The call may block until the axis has arrived.
            self._send(set_off, within_s)
        except DeviceError:
            if not self._halting.is_pending:
                self._goal = None
            raise
        finally:
            self._sets_off = False

    def _take_over(self) -> None:
        """Let something else take the place of what the axis does, unless it was told to stop since."""
        if not self._halting.forget(self._stops):
            raise DeviceError(f"{self.name} was told to stop before it set off")

    def _send(self, move: Callable[[], None], within_s: float = 0.0) -> None:
        """Give the driver a move; a stop that came meanwhile follows it."""
        try:
            self._call(move, within_s)
        finally:
            if self._halting.is_pending and self._state != "lost":
                # Told to stop while the move was being sent: it may have been sent after that.
                self._tell_to_stop()

    def _require_answering(self) -> None:
        if self._state in ("closed", "opening"):
            raise DeviceError(f"{self.name} is not open yet; wait until it is")
        if self._state == "lost":
            raise DeviceError(f"{self.name} does not answer; see to it, then reconnect it")

    def cause_fault(self, fault: Fault) -> None:
        """Let a simulated axis go wrong. Raises like `move`."""
        self._require_answering()
        self._call(
            lambda: self._motor.cause_fault(
                fault.fault,
                duration_s=fault.duration_s,
                count=fault.count,
                at_position=fault.at_position,
            )
        )

    def note_halt(self) -> None:
        """Break off what the axis was told before; `halt` is to follow."""
        self._halting.note()
        if self._sets_off:
            self._halting.try_twice()

    def heed_stops(self) -> None:
        """Let what is done next give way to any stop that is noted after this."""
        self._stops = self._halting.orders

    def halt(self) -> None:
        """Stop at once; may be called from another thread while anything else goes on. Raises nothing."""
        if self._state in ("closed", "opening"):
            return
        try:
            self._motor.stop()
        except FOREIGN as error:
            # The others must stop, whatever this one says; `poll` says whether it goes on.
            self._halting.tried(self._reason(error))
            if self._state == "ready":
                _log.error("%s", self._about("cannot be stopped", error))
        else:
            self._halting.tried()

    def overdue(self) -> bool:
        """Look from another thread whether the driver answers; return whether the axis is to be stopped."""
        late_s = time.monotonic() - self._due
        if late_s > _ANSWER_S and self._state != "lost":
            self._say("lost", f"{self.hangs()}; it may still move: see to it, then reconnect it")
            return False
        if self._sets_off and self._halting.is_late and not self._halting.goes_on:
            self._say("error", self._halting.complaint("its driver still waits for the end of its move"))
        again = self._halting.is_due_again(once=self._state == "lost")
        return again or (late_s > 0 and self._state == "moving")

    # --- watching ----------------------------------------------------------------------------

    def plan_poll(self, now_ns: int) -> None:
        """Say when the axis is to be looked at next."""
        moving = self._state == "moving" or self._halting.is_pending
        period_ns = self._moving_ns if moving else self._period_ns
        if self._ramp is not None:
            period_ns = min(period_ns, _RAMP_NS)
        self.due_ns = max(self.due_ns + period_ns, now_ns)

    def poll(self) -> None:
        """Look where the axis is, follow its moves, write a row of telemetry."""
        if self._state in ("closed", "opening", "lost"):
            return
        self.heed_stops()
        try:
            self._position, moving = self._where(), self._call(self._motor.is_moving)
        except DeviceLost:
            return
        except DeviceError as error:
            self._miss(error)
            return
        self._misses = 0
        try:
            self._follow(self._position, moving)
        except DeviceError as error:
            if self._state != "lost":
                self._break_off(self._about("broke off its move", error))
        if self._state != "lost":
            self._write(moving)

    def _write(self, moving: bool) -> None:
        busy = moving or self._ramp is not None
        near = abs(self._position - self._target) <= self._motor.tolerance
        now_ns = time.perf_counter_ns()
        if self._ramp is not None and now_ns < self._row_ns:
            return
        self._row_ns = now_ns + self._period_ns - _RAMP_NS // 2
        row = [now_ns - self._start_ns, self._position, self._target, busy, near and not busy]
        self._telemetry.write(np.array([row], np.float64))

    def _follow(self, position: float, moving: bool) -> None:
        if self._halting.is_pending:
            self._come_to_rest(position, moving)
        elif self._ramp is not None:
            self._step(self._ramp, position)
        elif self._goal is not None:
            self._approach(self._goal, position, moving)
        elif self._state != "error" and (moving or self._state == "moving"):
            # Moved by hand, at the controller, or refused.
            self._say("moving" if moving else "ready")

    def _come_to_rest(self, position: float, moving: bool) -> None:
        halting = self._halting
        if moving:
            if halting.is_late and not halting.goes_on:
                where = f"it is at {self._place(position)} and moves on"
                self._say("error", halting.complaint(where))
            return
        goal, had_moved = self._goal, self._state == "moving" or halting.goes_on
        was_told = goal is not None or self._ramp is not None or halting.goes_on or halting.failed
        arrived = None
        if goal is not None and goal.position is not None:
            arrived = abs(position - goal.position) <= self._motor.tolerance
        verdict = halting.verdict(position, arrived=arrived)
        self._goal = self._ramp = None
        if not halting.failed:
            self._target = position
        halting.forget()
        if was_told:
            self._say(*verdict)
        elif had_moved:
            self._say("ready")

    def _approach(self, goal: Goal, position: float, moving: bool) -> None:
        now = time.monotonic()
        wanted = position if goal.position is None else goal.position
        rests_s = goal.rests_s(now, moving=moving)
        if not moving and abs(position - wanted) <= self._motor.tolerance:
            self._goal = None
            self._target = wanted
            wrong = why_not_there(self._motor, position, self._limits) if goal.is_reference else ""
            self._say("error" if wrong else "ready", wrong)
        elif now > goal.deadline:
            is_there = abs(position - wanted) <= self._motor.tolerance
            self._fail_to_arrive(wanted, "and come to rest in its time" if is_there else "in its time")
        elif rests_s > _SETTLE_S:
            self._fail_to_arrive(wanted, "and stands still (a limit switch, or something holds it)")

    def _fail_to_arrive(self, wanted: float, how: str) -> None:
        self._break_off(f"{self.name} did not reach {self._place(wanted)} {how}", wanted)

    def _break_off(self, why: str = "", wanted: float = math.nan) -> None:
        """Have the axis stop; what became of it is said when it is at rest, or goes on all the same."""
        self._halting.note(why, wanted)
        self._tell_to_stop()

    def _tell_to_stop(self) -> None:
        try:
            self._call(self._motor.stop)
        except DeviceError as error:
            self._halting.tried(self._reason(error))
        else:
            self._halting.tried()

    def _step(self, ramp: RampOnWay, position: float) -> None:
        now = time.monotonic()
        height = self._target = ramp.height_mm(now)
        if ramp.is_over(now):
            self._go(height, lambda: self._motor.move_to(height), self._motor.arrival_s(height - position))
            return
        self._send(lambda: self._motor.move_to(height))
        if ramp.is_left_behind(now, position, self._motor.tolerance):
            self._fail_to_arrive(height, "on its ramp")

    # --- what goes wrong ---------------------------------------------------------------------

    def _call(self, function: Callable[[], _T], within_s: float = 0.0) -> _T:
        """Ask the driver; whatever it raises is a DeviceError."""
        self._asked = time.monotonic()
        self._due = time.monotonic() + max(within_s, _ANSWER_S)
        try:
            return function()
        except DeviceLost as error:
            self._lose(error)
            raise
        except DeviceError:
            raise
        except FOREIGN as error:
            raise DeviceError(f"{self.name}: {type(error).__name__}: {error}") from error
        finally:
            self._due = math.inf

    def _where(self) -> float:
        """Ask where the axis is; what is no number is no answer."""
        position = self._call(self._motor.position)
        if not math.isfinite(position):
            raise _NoPosition(f"it gives {position:g} as its position")
        return position

    def _miss(self, error: DeviceError) -> None:
        """Count an answer that failed; one without a place is waited for until the move must have ended."""
        goal, halting = self._goal, self._halting
        if isinstance(error, _NoPosition) and goal is not None and not halting.is_late:
            if not halting.is_pending and time.monotonic() > goal.deadline:
                wanted = "its reference position" if goal.position is None else self._place(goal.position)
                self._break_off(f"{self.name} did not reach {wanted} in its time")
                if self._state != "lost":
                    self._say("error", halting.blind(self._reason(error)))
            return
        self._misses += 1
        if self._misses >= _MISSES:
            self._lose(error)

    def _lose(self, why: DeviceError) -> None:
        on_way = self._goal is not None or self._ramp is not None or self._halting.goes_on
        self._goal = self._ramp = None
        if self._state in ("opening", "closed"):
            return
        if on_way:
            self._halting.try_soon()
        moves = "; it may still move" if on_way else ""
        self._say(
            "lost", f"{self._about('does not answer any more', why)}{moves}; see to it, then reconnect it"
        )

    def _place(self, position: float) -> str:
        return f"{position:.6g} {self._motor.unit}"

    def _about(self, what: str, why: BaseException) -> str:
        """Say what happened and why; a driver that names the axis has said both."""
        text = self._reason(why)
        return text if text.startswith(f"{self.name} ") else f"{self.name} {what}: {text}"

    def _reason(self, error: BaseException) -> str:
        text = str(error) if isinstance(error, DeviceError) else f"{type(error).__name__}: {error}"
        return text.removeprefix(f"{self.name}: ")

    def _say(self, state: MotorState, text: str = "") -> None:
        with self._guard:
            if state == self._state and not text:
                return
            self._state = state
            self._tell(MotorChanged(MotorStatus(self.name, state, text)))
