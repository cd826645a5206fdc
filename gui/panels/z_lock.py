"""Panel: the focus follows reference beads."""

from __future__ import annotations

import math
from typing import ClassVar

from PyQt6.QtWidgets import QGridLayout, QLabel, QWidget

from gui.models.lock_trace import bead_names, parse_ids
from gui.panels.lock_panel import LockPanel
from gui.widgets.checked_field import TextField
from gui.widgets.number_field import NumberField
from magscope_app.datatypes import Z_LOCK_COLUMNS
from magscope_app.feedback.state import LockName, LockState

#: A shift of more than this is a slip: no Z-LUT reaches farther.
_FARTHEST_NM = 20_000.0


def _why_not(shift_nm: float) -> str | None:
    far = abs(shift_nm) > _FARTHEST_NM
    return f"{shift_nm:g} nm is more than any Z-LUT reaches; give at most {_FARTHEST_NM:g}" if far else None


def _why_no_ids(text: str) -> str | None:
    return f"“{text}” is no list of bead ids; give some such as 3, 7" if parse_ids(text) is None else None


class ZLockPanel(LockPanel):
    """Switch, the beads that are followed, how far they are from where they are held, and a shift of that."""

    lock: ClassVar[LockName] = "z_lock"
    switch_text: ClassVar[str] = "Hold the focus"
    switch_help: ClassVar[str] = "Move the focus so that the reference beads stay where they are in z"
    label: ClassVar[str] = "error (nm)"
    smallest: ClassVar[float] = 10.0
    lines: ClassVar[tuple[tuple[str, int], ...]] = (("error", Z_LOCK_COLUMNS.index("error_nm")),)

    def controls(self) -> tuple[QWidget, ...]:
        """Return the fields for the beads and for a shift."""
        self.beads = TextField(_why_no_ids)
        self.beads.setObjectName("z_lock.beads")
        self.beads.setPlaceholderText("reference beads")
        self.beads.setToolTip("Ids of the beads that are followed, such as 3, 7; empty: those of the config")
        self.shift = NumberField(_why_not)
        self.shift.setObjectName("z_lock.shift")
        self.shift.setToolTip("Return holds the beads so many nm higher above the focal plane")
        self.shift.committed.connect(self._shift)
        # One below the other: the panel is narrow on a small screen.
        fields = QWidget()
        grid = QGridLayout(fields)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(QLabel("beads"), 0, 0)
        grid.addWidget(self.beads, 0, 1, 1, 2)
        grid.addWidget(QLabel("shift by"), 1, 0)
        grid.addWidget(self.shift, 1, 1)
        grid.addWidget(QLabel("nm"), 1, 2)
        return (fields,)

    def turn(self, on: bool) -> None:
        """Switch the Z-lock."""
        if on and self.beads.is_refused:
            self.beads.setFocus()
            return
        self.session.locks.switch_z(on, parse_ids(self.beads.value) or ())

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return everything that can be set."""
        return [*super().settings(), ("beads of the Z-lock", self.beads), ("shift of the Z-lock", self.shift)]

    def details(self, state: LockState) -> str:
        """Return beads, corrections and latency."""
        if state.stage == "off":
            return ""
        late = "" if math.isnan(state.latency_ms) else f"{state.latency_ms:.0f} ms from frame to correction"
        return " · ".join(part for part in (bead_names(state.bead_ids), super().details(state), late) if part)

    def _shift(self, distance_nm: float) -> None:
        self.session.locks.shift_z(distance_nm)
        self.shift.clear()
