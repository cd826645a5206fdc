"""Panel: processes and what became of the frames."""

from __future__ import annotations

from PyQt6.QtWidgets import QFormLayout, QLabel, QVBoxLayout

from gui.models.quantities import count_text
from gui.models.status_fields import PROCESS_TONES, why_old
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.message_label import MessageLabel
from gui.widgets.old import mark_old
from magscope_app.messages import Counters, SystemStatus

_COUNTERS = (
    ("frames_acquired", "Acquired"),
    ("frames_tracked", "Tracked"),
    ("frames_recorded", "Recorded"),
    ("lost_upstream", "Lost before us (camera)"),
    ("lost_ring", "Lost in the ring"),
    ("lost_tracking", "Lost to tracking"),
    ("lost_recording", "Lost to recording"),
)


class SystemPanel(Panel):
    """State of every process, every counter of frames, and whether the computer is kept awake."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("system")
        self._processes = QLabel("No status yet")
        self._processes.setObjectName("system.processes")
        self._counters = {name: QLabel("–") for name, _ in _COUNTERS}
        self._awake = QLabel("–")
        self._awake.setToolTip("Whether the computer is kept from falling asleep while it acquires")
        form = QFormLayout()
        for name, text in _COUNTERS:
            self._counters[name].setObjectName(f"system.{name}")
            form.addRow(text, self._counters[name])
        form.addRow("Kept from sleeping", self._awake)
        self._age = MessageLabel("system.age", "refused")
        self._age.hide()
        column = QVBoxLayout(self)
        column.addWidget(self._age)
        column.addWidget(self._processes)
        column.addSpacing(8)
        column.addLayout(form)
        column.addStretch()

    def refresh(self, snapshot: Snapshot) -> None:
        """Show processes and counters."""
        status = snapshot.state.status
        if status is None:
            return
        said = why_old(snapshot.state.status_age_s)
        old = bool(said)
        self._age.setText(said)
        self._age.setVisible(old)
        self._processes.setText(self._process_table(status, old=old))
        self._show_counters(status.counters)
        self._awake.setText("yes" if status.awake else "no")
        for label in (self._processes, self._awake, *self._counters.values()):
            mark_old(label, old=old)

    def _process_table(self, status: SystemStatus, *, old: bool) -> str:
        rows = []
        tones = {"alarm": self.theme.alarm, "warn": self.theme.warn, "dim": self.theme.warn}
        if old:
            tones = {}
        for process in status.processes:
            pair = tones.get(PROCESS_TONES.get(process.state, "calm"))
            style = f' style="background:{pair.background};color:{pair.text}"' if pair is not None else ""
            pid = "" if process.pid is None else f"pid {process.pid}"
            rows.append(
                f"<tr><td><b>{process.name}</b>&nbsp;&nbsp;</td><td{style}>&nbsp;{process.state}&nbsp;</td>"
                f'<td style="color:{self.theme.dim}">&nbsp;&nbsp;{pid}</td></tr>'
            )
        return f"<table cellspacing=2>{''.join(rows)}</table>"

    def _show_counters(self, counters: Counters) -> None:
        for name, label in self._counters.items():
            count = int(getattr(counters, name))
            bad = name.startswith("lost") and count > 0
            text = count_text(count)
            pair = self.theme.alarm
            style = f"background:{pair.background};color:{pair.text}"
            label.setText(f'<span style="{style}">&nbsp;{text}&nbsp;</span>' if bad else text)
