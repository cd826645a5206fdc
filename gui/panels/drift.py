"""Panel: the drift of the stage."""

from __future__ import annotations

from typing import ClassVar

from gui.models.lock_trace import bead_names
from gui.panels.lock_panel import LockPanel
from magscope_app.datatypes import DRIFT_COLUMNS
from magscope_app.feedback.state import LockName, LockState


class DriftPanel(LockPanel):
    """Switch, and how far the stage has gone in x, y and z since it was switched on."""

    lock: ClassVar[LockName] = "drift"
    switch_text: ClassVar[str] = "Measure drift"
    switch_help: ClassVar[str] = "Measure how far the reference beads go from now on; it is recorded, too"
    label: ClassVar[str] = "x, y, z (nm)"
    smallest: ClassVar[float] = 10.0
    lines: ClassVar[tuple[tuple[str, int], ...]] = tuple(
        (name, DRIFT_COLUMNS.index(f"d{name}_nm")) for name in ("x", "y", "z")
    )

    def turn(self, on: bool) -> None:
        """Switch the measurement."""
        self.session.locks.switch_drift(on)

    def details(self, state: LockState) -> str:
        """Return the reference beads."""
        return bead_names(state.bead_ids) if state.stage != "off" else ""
