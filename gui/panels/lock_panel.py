"""What the panels of all locks have in common: a switch, the state in words, a live trace."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.models.lock_trace import lock_trace, nice_limits
from gui.panels.panel import Panel, PanelContext
from gui.plots import colour_plots, curve, pen, single
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.message_label import MessageLabel
from magscope_app.feedback.state import LockName, LockState

_SECONDS = 30.0


class LockPanel(Panel):
    """One lock. What derives from it names the lock and what is drawn, and sends its commands."""

    period_s: ClassVar[float] = 0.1
    lock: ClassVar[LockName]
    #: Text of the switch and what it does, label of the axis, smallest range that is shown.
    switch_text: ClassVar[str]
    switch_help: ClassVar[str]
    label: ClassVar[str]
    smallest: ClassVar[float]
    #: Below this there is nothing to be drawn.
    lowest: ClassVar[float] = -math.inf
    #: Name and column of every line; the colours are those of x, y and z, in this order.
    lines: ClassVar[tuple[tuple[str, int], ...]]

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName(self.lock)
        self.switch = QPushButton(self.switch_text)
        self.switch.setObjectName(f"{self.lock}.switch")
        self.switch.setCheckable(True)
        self.switch.setToolTip(self.switch_help)
        self.switch.clicked.connect(self._on_clicked)
        self.text = MessageLabel(f"{self.lock}.text")
        self.legend = QLabel()
        self.legend.setObjectName(f"{self.lock}.legend")
        self.legend.setVisible(len(self.lines) > 1)
        self.plot, self._item = single(self.label, "time before now (s)")
        self._item.setXRange(-_SECONDS, 0, padding=0)
        self._curves: list[Any] = [curve(self._item) for _ in self.lines]
        bar = QHBoxLayout()
        for widget in self.controls():
            bar.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 0)
        column.addWidget(self.switch)
        column.addLayout(bar)
        column.addWidget(self.text)
        column.addWidget(self.legend)
        column.addWidget(self.plot, 1)
        self.set_theme(context.theme)

    def controls(self) -> tuple[QWidget, ...]:
        """Return what stands under the switch."""
        return ()

    @abstractmethod
    def turn(self, on: bool) -> None:
        """Send the command that switches the lock."""

    def scale(self) -> float:
        """Return the factor from what the lock writes to what is shown."""
        return 1.0

    def details(self, state: LockState) -> str:
        """Return what is said beside the state."""
        return f"{state.corrections} corrections" if state.stage == "on" else ""

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return the switch."""
        return [(self.switch_text, self.switch)]

    def refresh(self, snapshot: Snapshot) -> None:
        """Show state and trace."""
        state = snapshot.state.locks.get(self.lock, LockState(self.lock))
        self.switch.setChecked(state.stage != "off")
        held = f" — {state.reason}" if state.stage == "on" and state.reason else ""
        self.text.setText(" · ".join(part for part in (state.text + held, self.details(state)) if part))
        columns = tuple(column for _, column in self.lines)
        t_s, lines = lock_trace(self.session.locks.rows(self.lock), columns, snapshot.now_ns, _SECONDS)
        lines = lines * self.scale()
        for line, values in zip(self._curves, lines, strict=True):
            line.setData(t_s, values)
        low, high = nice_limits(lines, self.smallest)
        self._item.setYRange(max(low, self.lowest), high, padding=0)

    def set_theme(self, theme: Theme) -> None:
        """Colour axes and lines."""
        super().set_theme(theme)
        colour_plots(self.plot, (self._item,), theme)
        colours = (theme.x, theme.y, theme.z)
        for line, colour in zip(self._curves, colours, strict=False):
            line.setPen(pen(colour))
        named = zip(self.lines, colours, strict=False)
        spans = (f"<span style='color:{colour}'>— {name}</span>" for (name, _), colour in named)
        self.legend.setText("&nbsp; ".join(spans))

    def _on_clicked(self, on: bool) -> None:
        # What is shown is how the lock is, not what was asked for.
        self.switch.setChecked(not on)
        self.turn(on)
