"""What the window says to the locks, and the rows that they write."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from magscope_app.messages import Message
from magscope_app.messages.locks import FollowBead, ShiftZLock, SwitchDrift, SwitchXYLock, SwitchZLock


class LockCommands:
    """Switches the locks.

    Parameters
    ----------
    send : callable
        Sends a message to the supervisor.
    rows : callable
        Returns the newest rows of z_lock, xy_lock or drift.
    """

    def __init__(
        self, send: Callable[[Message], None], rows: Callable[[str], npt.NDArray[np.float64]]
    ) -> None:
        self._send = send
        self.rows = rows

    def switch_xy(self, on: bool) -> None:
        """Let the ROIs follow their beads, or leave them."""
        self._send(SwitchXYLock(on))

    def follow(self, bead_id: int, on: bool) -> None:
        """Let a ROI follow its bead, or leave it."""
        self._send(FollowBead(bead_id, on))

    def switch_z(self, on: bool, bead_ids: tuple[int, ...] = ()) -> None:
        """Let the focus follow beads, or let go of it."""
        self._send(SwitchZLock(on, bead_ids))

    def shift_z(self, distance_nm: float) -> None:
        """Hold the beads so much higher above the focal plane."""
        self._send(ShiftZLock(distance_nm))

    def switch_drift(self, on: bool, bead_ids: tuple[int, ...] = ()) -> None:
        """Measure the drift from 0, or measure it no more."""
        self._send(SwitchDrift(on, bead_ids))
