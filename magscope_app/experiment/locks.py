"""The locks of the microscope as a protocol sees them."""

from __future__ import annotations

from magscope_app.errors import MagscopeError
from magscope_app.experiment.axes import LOOK_S, Axes
from magscope_app.feedback.state import LockName, LockState
from magscope_app.messages import CommandRefused, Message
from magscope_app.messages.locks import (
    FollowBead,
    LockChanged,
    ShiftZLock,
    SwitchDrift,
    SwitchXYLock,
    SwitchZLock,
)


class Locks(Axes):
    """Switches XY-lock, Z-lock and the measurement of drift, and says how they are."""

    def lock_state(self, name: LockName) -> LockState:
        """Return how xy_lock, z_lock or drift is: stage, reason, error_nm, corrections, latency_ms."""
        return self._locks.get(name, LockState(name))

    def lock_z(self, *bead_ids: int, timeout_s: float = 10.0) -> None:
        """Let the focus follow beads and wait until it does.

        Parameters
        ----------
        *bead_ids : int
            The beads; by default those of ``z_lock.beads``, or those with the role reference.
        timeout_s : float
            Longest wait for beads that can be followed.

        Raises
        ------
        MagscopeError
            They cannot be followed; the text says why.
        """
        self._lock("z_lock", SwitchZLock(True, tuple(bead_ids)), SwitchZLock(False), timeout_s)

    def unlock_z(self) -> None:
        """Let go of the focus; it stays where it is."""
        self._send(SwitchZLock(False))

    def shift_z_lock(self, distance_nm: float) -> None:
        """Hold the beads so much higher above the focal plane.

        Raises
        ------
        MagscopeError
            The Z-lock is not on, or a bead would leave its Z-LUT.
        """
        since, token = self._news.now, next(self._tokens)
        self._send(ShiftZLock(float(distance_nm), token))
        refused = self._news.wait_for(
            lambda message: (
                message.text if isinstance(message, CommandRefused) and message.token == token else None
            ),
            since,
            10 * LOOK_S,
            self._check,
        )
        if refused is not None:
            raise MagscopeError(refused)

    def lock_xy(self, *, timeout_s: float = 10.0) -> None:
        """Let the ROIs follow their beads and wait until they do. Raises MagscopeError."""
        self._lock("xy_lock", SwitchXYLock(True), SwitchXYLock(False), timeout_s)

    def unlock_xy(self) -> None:
        """Leave the ROIs where they are."""
        self._send(SwitchXYLock(False))

    def follow_bead(self, bead_id: int, on: bool = True) -> None:
        """Let the XY-lock follow a bead, or leave its ROI where it is."""
        self._send(FollowBead(bead_id, on))

    def measure_drift(self, *bead_ids: int, timeout_s: float = 10.0) -> None:
        """Measure the drift from 0, and wait until it is known.

        Parameters
        ----------
        *bead_ids : int
            Beads that do not move; by default those of ``drift.beads``, or those with the role reference.
        timeout_s : float
            Longest wait for them.

        Raises
        ------
        MagscopeError
            They cannot be measured; the text says why.
        """
        self._lock("drift", SwitchDrift(True, tuple(bead_ids)), SwitchDrift(False), timeout_s)

    def end_drift(self) -> None:
        """Measure the drift no more."""
        self._send(SwitchDrift(False))

    def _lock(self, name: LockName, on: Message, off: Message, timeout_s: float) -> None:
        """Switch a lock on and wait until it is, or has let go."""
        since, begun = self._news.now, self.lock_state(name).begun
        self._send(on)

        def look(message: Message) -> LockState | None:
            if not isinstance(message, LockChanged) or message.state.name != name:
                return None
            state = message.state
            decided = state.begun != begun and (state.stage == "on" or state.let_go)
            return state if decided else None

        state = self._news.wait_for(look, since, timeout_s, self._check)
        if state is None:
            waits = self.lock_state(name).text
            self._send(off)
            raise MagscopeError(f"{waits}: given up after {timeout_s:g} s")
        if state.let_go:
            raise MagscopeError(state.text)
