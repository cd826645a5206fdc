"""The supervisor's view of the locks: their process, their state, and what they want moved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from magscope_app.calibration.messages import UseZLUTs, ZLUTsUsed
from magscope_app.config import Config
from magscope_app.feedback.state import LockName, LockState
from magscope_app.messages import (
    Event,
    FrameTimes,
    Message,
    MoveMotor,
    ReconnectMotor,
    StopMotors,
    VideoReady,
)
from magscope_app.messages.locks import CorrectFocus, LockChanged, MoveRois, ReleaseFocus, SwitchZLock
from magscope_app.processes.bead_owner import BeadOwner
from magscope_app.processes.children import Children
from magscope_app.processes.motor_desk import CommandImpossible, MotorDesk

#: Where the locks run.
FEEDBACK = "feedback"
#: An older correction is of no use: this process was held up, and the lock has waited in vain.
_STALE_NS = 1e9
_NAMES: tuple[LockName, ...] = ("xy_lock", "z_lock", "drift")


class LockDesk:
    """Starts the locks' process when it is first needed, and carries out what the locks want.

    Parameters
    ----------
    config : Config
        Says which locks are on from the start.
    children : Children
        The processes.
    motors : MotorDesk
        Moves the focus.
    beads : BeadOwner
        Moves the ROIs.
    tell : callable
        Tells everyone who wants to know.
    log : callable
        Takes level and text for the user.
    record : callable
        Takes kind and fields of something that happens now, for the running dataset.
    keep : callable
        Takes an event that has its own time, for the running dataset.
    session_ns : callable
        The session clock.
    """

    def __init__(
        self,
        config: Config,
        children: Children,
        motors: MotorDesk,
        beads: BeadOwner,
        tell: Callable[[Message], None],
        log: Callable[[int, str], None],
        record: Callable[[str, dict[str, Any]], None],
        keep: Callable[[Event], None],
        session_ns: Callable[[], int],
        frame_times: Callable[[], FrameTimes],
    ) -> None:
        self._children = children
        self._motors = motors
        self._beads = beads
        self._tell, self._log, self._record, self._keep = tell, log, record, keep
        self._session_ns, self._frame_times = session_ns, frame_times
        self._states: dict[LockName, LockState] = {name: LockState(name) for name in _NAMES}
        self._wanted = config.xy_lock.on or config.z_lock.on or config.drift.on
        focus = config.motor_with_role("focus")
        self._focus = focus.name if focus is not None else None
        self._sweeping = False
        self._on_free: Callable[[], None] | None = None
        self._zluts: ZLUTsUsed | None = None

    @property
    def states(self) -> tuple[LockState, ...]:
        """How every lock is."""
        return tuple(self._states.values())

    def messages(self) -> list[Message]:
        """Return how every lock is, for a process that starts late."""
        return [LockChanged(state) for state in self._states.values()]

    def begin(self) -> None:
        """Start what the config wants on, now that the beads are known."""
        if self._wanted and not self._children.alive(FEEDBACK):
            self._start()
        self._wanted = False

    def handle(self, message: Message) -> None:
        """Pass a command on to the locks, or carry out what they want. Raises CommandImpossible.

        Parameters
        ----------
        message : Message
            One of LOCK_COMMANDS or LOCK_REPORTS.
        """
        match message:
            case LockChanged(state):
                self._on_changed(state)
            case CorrectFocus():
                self._correct_focus(message)
            case MoveRois():
                self._move_rois(message)
            case SwitchZLock(True) if self._sweeping:
                raise CommandImpossible("a Z-LUT sweep moves the focus; hold it when the sweep has ended")
            case _:
                if not self._children.alive(FEEDBACK):
                    self._start()
                self._children.send(FEEDBACK, message)

    def _correct_focus(self, message: CorrectFocus) -> None:
        if self._sweeping or self._session_ns() - message.sent_ns > _STALE_NS:
            return
        self._motors.command(MoveMotor(message.motor, message.position, message.token), ())
        self._keep(Event("z_lock", message.frame_id, message.sent_ns, _facts(message)))

    def on_death(self, text: str) -> None:
        """Say that the locks are gone; the focus stays where it is."""
        self._log(logging.ERROR, f"{text}; the locks are off, all else goes on")
        for state in self.states:
            if state.stage != "off":
                self._on_changed(LockState(state.name, reason="its process has ended"))
        self._say_free()

    def stop(self) -> None:
        """Let go of the focus: the user stops all axes."""
        self._children.send(FEEDBACK, StopMotors())

    @property
    def holds_focus(self) -> bool:
        """Whether the Z-lock is on, or waits to be."""
        return self._states["z_lock"].stage != "off" and self._children.alive(FEEDBACK)

    def release(self) -> None:
        """Let go of the focus in order: the run ends."""
        if self.holds_focus:
            self._children.send(FEEDBACK, SwitchZLock(False))

    def heed(self, command: Message) -> None:
        """Let go of the focus before a command to an axis closes it."""
        if isinstance(command, ReconnectMotor) and command.motor == self._focus:
            self._children.send(FEEDBACK, ReleaseFocus("the focus was closed and opened anew"))

    # --- calibration -------------------------------------------------------------------------

    def begin_sweep(self, on_free: Callable[[], None]) -> None:
        """Let go of the focus, which a sweep moves, and keep off it until `end_sweep`.

        Parameters
        ----------
        on_free : callable
            Called as soon as the Z-lock is off.
        """
        self._sweeping, self._on_free = True, on_free
        self._children.send(FEEDBACK, ReleaseFocus("a Z-LUT sweep moves the focus"))
        self._say_free()

    def end_sweep(self) -> None:
        """Leave the focus to whoever wants to hold it."""
        self._sweeping, self._on_free = False, None

    def _say_free(self) -> None:
        """Tell the sweep that waits for it that nobody holds the focus, once that is so."""
        if self._on_free is not None and not self.holds_focus:
            on_free, self._on_free = self._on_free, None
            on_free()

    def expect_zluts(self, message: UseZLUTs) -> None:
        """Say, before it happens, that z is about to mean something else."""
        self._children.send(FEEDBACK, message)

    def use_zluts(self, message: ZLUTsUsed) -> None:
        """Say that beads are tracked with other Z-LUTs."""
        self._zluts = message
        self._children.send(FEEDBACK, message)

    # -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._children.start([FEEDBACK])
        known: list[Message] = [*self._motors.state(), self._beads.changed(), self._frame_times()]
        if self._beads.format is not None:
            known.append(VideoReady(self._beads.format))
        if self._zluts is not None:
            known.append(self._zluts)
        for message in known:
            self._children.send(FEEDBACK, message)

    def _on_changed(self, state: LockState) -> None:
        before, self._states[state.name] = self._states[state.name], state
        self._say_free()
        for name in ("gui", "experiment"):
            self._children.send(name, LockChanged(state))
        anew = before.begun != state.begun
        # A reference bead that has come loose is to be found in the dataset, too.
        anew = anew or (state.name == "drift" and before.bead_ids != state.bead_ids)
        if (
            before.stage == state.stage
            and not anew
            and (state.stage == "on" or before.reason == state.reason)
        ):
            return
        doubted = state.stage == "on" and bool(state.reason)
        text = f"{state.text}: {state.reason}" if doubted else state.text
        self._log(logging.WARNING if state.let_go or doubted else logging.INFO, text)
        fields: dict[str, Any] = {"stage": state.stage, "reason": state.reason, "beads": state.bead_ids}
        self._record("lock", {"lock": state.name} | fields)

    def _move_rois(self, message: MoveRois) -> None:
        """Move the ROIs, unless somebody has changed the list meanwhile: then the lock looks anew."""
        if message.version != self._beads.version:
            return
        moved = self._beads.follow({move.bead_id: (move.x_px, move.y_px) for move in message.moves})
        if moved:
            self._tell(self._beads.changed())
            moves = [asdict(bead) for bead in moved]
            self._keep(Event("xy_lock", message.frame_id, message.t_ns, {"moves": moves}))


def _facts(message: CorrectFocus) -> dict[str, Any]:
    """Return what the dataset keeps of a correction."""
    fields = asdict(message)
    return {
        name: fields[name] for name in ("motor", "position", "t_ns", "error_nm", "correction_nm", "n_beads")
    }
