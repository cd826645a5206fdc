"""Panel: the ROIs follow their beads."""

from __future__ import annotations

from typing import ClassVar

from PyQt6.QtWidgets import QWidget

from gui.panels.lock_panel import LockPanel
from gui.snapshot import Snapshot
from gui.widgets.tick_box import TickBox
from magscope_app.datatypes import XY_LOCK_COLUMNS
from magscope_app.feedback.state import LockName, LockState


class XYLockPanel(LockPanel):
    """Switch, the selected bead's own switch, and how far the beads are from the centres of their ROIs."""

    lock: ClassVar[LockName] = "xy_lock"
    switch_text: ClassVar[str] = "ROIs follow their beads"
    switch_help: ClassVar[str] = "Move every ROI with its bead; none leaves the frame or comes near another"
    label: ClassVar[str] = "off centre (nm)"
    smallest: ClassVar[float] = 100.0
    lowest: ClassVar[float] = 0.0
    lines: ClassVar[tuple[tuple[str, int], ...]] = (
        ("all beads, rms", XY_LOCK_COLUMNS.index("rms_px")),
        ("farthest", XY_LOCK_COLUMNS.index("farthest_px")),
    )

    def controls(self) -> tuple[QWidget, ...]:
        """Return the switch of the selected bead."""
        self.follow = TickBox("follow the selected bead")
        self.follow.setObjectName("xy_lock.follow")
        self.follow.setToolTip("Without the tick, the ROI of this bead stays where it is")
        self.follow.setEnabled(False)
        self.follow.clicked.connect(self._follow)
        return (self.follow,)

    def scale(self) -> float:
        """Return how many nm a pixel has: the state above is in nm, too."""
        return self.session.config.optics.nm_per_px

    def turn(self, on: bool) -> None:
        """Switch the XY-lock."""
        self.session.locks.switch_xy(on)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return both switches."""
        return [*super().settings(), ("follow the selected bead", self.follow)]

    def refresh(self, snapshot: Snapshot) -> None:
        """Show state, trace and whether the selected bead is followed."""
        super().refresh(snapshot)
        bead_id = self.session.selected
        state = snapshot.state.locks.get("xy_lock")
        left = self.session.config.xy_lock.exclude if state is None else state.bead_ids
        self.follow.setEnabled(bead_id is not None)
        self.follow.setChecked(bead_id is not None and bead_id not in left)

    def details(self, state: LockState) -> str:
        """Return how many ROIs were moved, and which are left."""
        left = f"not followed: {', '.join(map(str, state.bead_ids))}" if state.bead_ids else ""
        moved = f"{state.corrections} ROIs moved" if state.stage == "on" else ""
        return " · ".join(part for part in (moved, left) if part)

    def _follow(self, on: bool) -> None:
        if self.session.selected is not None:
            self.session.locks.follow(self.session.selected, on)
