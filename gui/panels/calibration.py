"""Panel: Z-LUT calibration, from the range of the sweep to the file that is used."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QPixmap
from PyQt6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.calibration import (
    COLUMNS,
    TOOLTIPS,
    CalibrationState,
    ended_text,
    first_to_judge,
    live_image,
    plan_text,
    progress_text,
    remarks_text,
    report_texts,
)
from gui.models.folders import path_of
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.checked_field import TextField
from gui.widgets.message_label import MessageLabel
from gui.widgets.number_field import NumberField
from gui.widgets.tick_box import TickBox
from magscope_app.calibration import BeadReport, SweepPlan
from magscope_app.calibration.messages import CancelSweep, PauseSweep, SaveZLUTs, StartSweep, UseZLUTs
from magscope_app.calibration.plan import CALIBRATION_FORCE_PN
from magscope_app.config import CalibrationConfig

_GREY = QImage.Format.Format_Grayscale8
#: Edge of the picture of the growing Z-LUT.
_LIVE_PX = 160
#: No focus drive goes further.
_LARGEST_NM = 1e6
#: More frames per plane lower no noise any more: the focus drifts meanwhile.
_MOST_FRAMES = 10_000
#: Key, label, first value, unit and what it means.
_FIELDS = (
    ("start", "From", -2000.0, "nm", "First focus, relative to where it stands now"),
    ("stop", "To", 2000.0, "nm", "Last focus, relative to where it stands now"),
    ("step", "Step", 50.0, "nm", "Focus travel between planes; at most 50 nm is best"),
    ("frames", "Frames per plane", 10.0, "", "More frames: less noise in the Z-LUT"),
    ("settle", "Settle", 20.0, "ms", "The focus must have stood at a plane so long before frames count"),
    ("passed", "Pass over", 0.0, "frames", "Frames after that which are not used, at each plane"),
    ("backlash", "Backlash", 300.0, "nm", "Way beyond the first plane: all are reached from one side"),
    ("force", "Force", CALIBRATION_FORCE_PN, "pN", "Tethered beads must be pulled straight: 10 pN or more"),
)


class CalibrationPanel(Panel):
    """Set up a sweep, watch it, judge bead by bead, save, use."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("calibration")
        self.fields = {key: self._field(key, value, help_) for key, _, value, _, help_ in _FIELDS}
        self._take_rules(self.session.config.calibration)
        self.set_force = self._force_box()
        self.summary = _label("calibration.summary")
        self.start = _button("start", "Start the sweep", "Moves the focus over the range, and back")
        self.pause = _button("pause", "Pause", "Hold before the next plane")
        self.cancel = _button("cancel", "Cancel", "The focus returns, nothing is kept")
        self.bar = QProgressBar()
        self.bar.setObjectName("calibration.bar")
        self.said = _label("calibration.said")
        self.live = _label("calibration.live")
        self.live.setToolTip("The Z-LUT of the selected bead so far: radius to the right, planes upwards")
        self.live.setVisible(False)
        self.table = _table()
        self.remarks = _label("calibration.remarks")
        self.file = TextField(_why_no_file, str(self.session.config.recording.folder / "zluts.npz"))
        self.file.setObjectName("calibration.file")
        self.file.setToolTip(
            "The accepted Z-LUTs go into this .npz file, and as text into a folder beside it"
        )
        self.replace = TickBox("replace an older file")
        self.replace.setObjectName("calibration.replace")
        self.replace.setToolTip("Without it a file that exists is not written over")
        self.save = _button("save", "Save", "Write the accepted Z-LUTs")
        self.use = _button("use", "Save and use", "Write them, and track with them from now on")
        self.load = _button("load", "Use this file", "Track with the Z-LUTs of a file made earlier")
        self._shown = -1
        self._lay_out()
        self._connect()
        self._show_plan()
        self._show(self.session.state.calibration)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return the fields of the sweep and of its file."""
        named: list[tuple[str, QWidget]] = [(label.lower(), self.fields[key]) for key, label, *_ in _FIELDS]
        return [*named, ("set the force", self.set_force), ("file of the Z-LUTs", self.file)]

    def _field(self, key: str, value: float, help_: str) -> NumberField:
        field = NumberField(lambda number: _why_not(key, number))
        field.setObjectName(f"calibration.{key}")
        field.setToolTip(help_)
        field.show_number(value)
        return field

    def _force_box(self) -> TickBox:
        box = TickBox("set for tethered beads, and back")
        box.setObjectName("calibration.set_force")
        box.setToolTip("Go to this force before the sweep, and back to the one before afterwards")
        box.setChecked(self.session.config.force is not None)
        return box

    def _take_rules(self, rules: CalibrationConfig) -> None:
        """Begin with what the config says."""
        self.fields["settle"].show_number(rules.settle_ms)
        self.fields["passed"].show_number(rules.settle_frames)
        self.fields["backlash"].show_number(rules.backlash_nm)

    def _lay_out(self) -> None:
        form = QFormLayout()
        for key, label, _, unit, _ in _FIELDS:
            form.addRow(f"{label} ({unit})" if unit else label, self.fields[key])
        form.addRow("", self.set_force)
        buttons, ends = QHBoxLayout(), QHBoxLayout()
        for button in (self.start, self.pause, self.cancel):
            buttons.addWidget(button)
        for button in (self.save, self.use, self.load):
            ends.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.summary)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        column.addWidget(self.said)
        column.addWidget(self.live)
        column.addWidget(self.table, 1)
        column.addWidget(self.remarks)
        column.addWidget(self.file)
        column.addWidget(self.replace)
        column.addLayout(ends)

    def _connect(self) -> None:
        for field in self.fields.values():
            field.textChanged.connect(self._show_plan)
        self.set_force.toggled.connect(self._show_plan)
        self.start.clicked.connect(self._start)
        self.pause.clicked.connect(self._pause)
        self.file.refused.connect(lambda _: self._show(self.session.state.calibration))
        self.cancel.clicked.connect(lambda: self.session.calibrate(CancelSweep()))
        self.save.clicked.connect(lambda: self._save(use=False))
        self.use.clicked.connect(lambda: self._save(use=True))
        self.load.clicked.connect(lambda: self.session.calibrate(UseZLUTs(self._path())))
        self.table.itemChanged.connect(self._accept)
        self.table.currentCellChanged.connect(lambda row, *_: self._show_remarks(row))

    # --- what the user does ------------------------------------------------------------------

    def plan(self) -> SweepPlan | None:
        """Return what the fields say, None where one holds no number."""
        values = {key: field.number() for key, field in self.fields.items()}
        known = {key: value for key, value in values.items() if value is not None}
        if len(known) < len(values):
            return None
        return SweepPlan(
            known["start"],
            known["stop"],
            known["step"],
            int(known["frames"]),
            force_pn=known["force"] if self.set_force.isChecked() else None,
            settle_s=1e-3 * known["settle"],
            settle_frames=int(known["passed"]),
            backlash_nm=known["backlash"],
        )

    def _why_no_plan(self) -> str:
        """Say of the first field that is refused what is wrong with it."""
        refused = ((label, self.fields[key].why_not()) for key, label, *_ in _FIELDS)
        return next((f"{label}: {why_not}" for label, why_not in refused if why_not is not None), "")

    def _start(self) -> None:
        plan = self.plan()
        if plan is not None:
            self.session.calibrate(StartSweep(plan))

    def _pause(self) -> None:
        self.session.calibrate(PauseSweep(not self.session.state.calibration.is_paused))

    def _save(self, *, use: bool) -> None:
        accepted = tuple(sorted(self.session.state.calibration.accepted))
        self.session.calibrate(SaveZLUTs(self._path(), accepted, use, self.replace.isChecked()))
        # Allowed once: the next file may be another.
        self.replace.setChecked(False)

    def _path(self) -> Path:
        path = path_of(self.file.value)
        assert isinstance(path, Path), "the field refuses everything else"
        return path

    def _accept(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            bead_id = int(item.data(Qt.ItemDataRole.UserRole))
            ticked = item.checkState() == Qt.CheckState.Checked
            self.session.state.calibration.accept(bead_id, ticked)

    # --- what is shown -----------------------------------------------------------------------

    def refresh(self, snapshot: Snapshot) -> None:
        """Show how far the sweep is, and what came of it."""
        self._show(snapshot.state.calibration)
        self._show_live(snapshot.state.calibration)

    def _show_live(self, state: CalibrationState) -> None:
        """Draw the Z-LUT of the selected bead while it grows."""
        sweeping = state.progress is not None and state.progress.phase in ("sweep", "pause")
        preview = self.session.sweep_preview() if sweeping else None
        self.live.setVisible(preview is not None)
        if preview is not None:
            grey = live_image(preview)
            image = QImage(grey.tobytes(), grey.shape[1], grey.shape[0], grey.shape[1], _GREY)
            self.live.setPixmap(QPixmap.fromImage(image).scaled(_LIVE_PX, _LIVE_PX))

    def _show_plan(self) -> None:
        plan = self.plan()
        if plan is None:
            text, right = self._why_no_plan(), False
        else:
            text, right = plan_text(plan, self.session.fps)
        self.summary.setText(text)
        self.start.setEnabled(right and self.session.state.calibration.progress is None)

    def _show(self, state: CalibrationState) -> None:
        running = state.progress is not None
        self.bar.setVisible(running)
        self.pause.setEnabled(running and state.progress is not None and state.progress.phase != "build")
        self.cancel.setEnabled(running)
        self.pause.setText("Go on" if state.is_paused else "Pause")
        for field in (*self.fields.values(), self.set_force):
            field.setEnabled(not running)
        if state.progress is not None:
            self.bar.setRange(0, max(1, state.progress.total))
            self.bar.setValue(state.progress.done)
        self.said.setText(progress_text(state.progress) if state.progress else ended_text(state))
        if state.count != self._shown:
            self._shown = state.count
            self._fill(state)
        self._show_plan()
        for button in (self.save, self.use):
            button.setEnabled(bool(state.accepted) and not running and not self.file.is_refused)
        self.load.setEnabled(not running and not self.file.is_refused)

    def _fill(self, state: CalibrationState) -> None:
        reports = state.ended.reports if state.ended is not None else ()
        self.table.blockSignals(True)
        self.table.setRowCount(len(reports))
        for row, report in enumerate(reports):
            for column, text in enumerate(report_texts(report)):
                self.table.setItem(row, column, _cell(text, report))
            self.table.setItem(row, 0, _tick(report, accepted=report.bead_id in state.accepted))
        self.table.blockSignals(False)
        self.table.setCurrentCell(first_to_judge(reports), 1)
        self._show_remarks(self.table.currentRow())

    def _show_remarks(self, row: int) -> None:
        """Say under the table, where there is room, what is to be known of the bead of a line."""
        ended = self.session.state.calibration.ended
        reports = () if ended is None else ended.reports
        self.remarks.setText(remarks_text(reports[row]) if 0 <= row < len(reports) else "")


def _why_not(key: str, number: float) -> str | None:
    """Say why a number cannot stand in a field; whether all of them fit together the summary says."""
    if key in ("start", "stop"):
        return (
            None
            if abs(number) <= _LARGEST_NM
            else f"give a focus within {_LARGEST_NM:g} nm of where it stands"
        )
    if key in ("frames", "passed") and not (number == int(number) and number <= _MOST_FRAMES):
        return f"give a whole number of frames up to {_MOST_FRAMES}, not {number:g}"
    if key in ("settle", "passed", "backlash"):
        return None if number >= 0 else "give a number from 0 on"
    return None if number > 0 else "give a number above 0"


def _why_no_file(text: str) -> str | None:
    path = path_of(text)
    if isinstance(path, str):
        return path
    return None if path.suffix.lower() == ".npz" else f"“{text}” does not end in .npz; add it"


def _label(name: str) -> QLabel:
    return MessageLabel(name)


def _button(key: str, text: str, help_: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(f"calibration.{key}")
    button.setToolTip(help_)
    return button


def _table() -> QTableWidget:
    table = QTableWidget(0, len(COLUMNS))
    table.setObjectName("calibration.table")
    table.setHorizontalHeaderLabels(COLUMNS)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setMinimumHeight(90)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    for column, text in enumerate(TOOLTIPS):
        header = table.horizontalHeaderItem(column)
        if header is not None:
            header.setToolTip(text)
    heads = table.horizontalHeader()
    if heads is not None:
        heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    vertical = table.verticalHeader()
    if vertical is not None:
        vertical.hide()
    return table


def _cell(text: str, report: BeadReport) -> QTableWidgetItem:
    """Return a cell that says, wherever the mouse is in its line, what is to be known of the bead."""
    item = QTableWidgetItem(text)
    item.setToolTip("\n".join(report.remarks))
    return item


def _tick(report: BeadReport, *, accepted: bool) -> QTableWidgetItem:
    item = QTableWidgetItem()
    flags = Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable
    item.setFlags(flags if report.verdict == "lost" else flags | Qt.ItemFlag.ItemIsEnabled)
    item.setCheckState(Qt.CheckState.Checked if accepted else Qt.CheckState.Unchecked)
    item.setData(Qt.ItemDataRole.UserRole, report.bead_id)
    return item
