"""Panel: what is recorded, where, and whether it is."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import cast, get_args

from PyQt6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.models.folders import path_of, why_no_folder
from gui.models.quantities import bytes_text, count_text, duration_text, minutes_text
from gui.models.state import State
from gui.models.status_fields import why_old
from gui.panels.panel import Command, Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.checked_field import TextField, why_no_line
from gui.widgets.choice_box import ChoiceBox
from gui.widgets.message_label import MessageLabel
from gui.widgets.old import mark_old
from magscope_app.config import RecordingMode
from magscope_app.messages import StartRecording
from magscope_app.storage.names import validate_dataset_name


class RecordingPanel(Panel):
    """Folder, name and mode of the next dataset; one large button; what is on disk so far."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("recording")
        self._desk = context.desk
        order = self.session.recording_order
        self.folder = TextField(_why_no_path, str(order.folder or ""))
        self.folder.setObjectName("recording.folder")
        self.folder.setToolTip("Every recording makes a folder of its own in this one")
        self.folder.setPlaceholderText(str(self.session.config.recording.folder))
        self.browse = QPushButton("…")
        self.browse.setObjectName("recording.browse")
        self.browse.setToolTip("Choose the folder")
        self.browse.setMaximumWidth(36)
        self.name = TextField(_why_no_name, order.name or "")
        self.name.setObjectName("recording.name")
        self.name.setToolTip(
            "Name of the dataset, after date and time; Return renames a running one; a second recording of "
            "the same name in this folder gets _002, the next _003 …"
        )
        self.mode = ChoiceBox()
        self.mode.setObjectName("recording.mode")
        self.mode.addItems(get_args(RecordingMode))
        self.mode.setCurrentText(str(order.mode))
        self.mode.setToolTip("Bead rows, video of whole frames or of the ROIs, or both")
        self.note = TextField(why_no_line)
        self.note.setObjectName("recording.note")
        self.note.setPlaceholderText("a note, kept with frame and time (Return)")
        self.note.setToolTip("Written into the running dataset with the frame number and the time")
        self.button = QPushButton()
        self.button.setObjectName("recording.button")
        self.button.setProperty("role", "record")
        self._state = _line("recording.state")
        self._disk = _line("recording.disk")
        self._age = MessageLabel("recording.age", "refused")
        self._age.hide()
        self._dialog: QFileDialog | None = None
        self._lay_out()
        self._connect()
        self._show_button(self.session.state)

    def _lay_out(self) -> None:
        folder = QHBoxLayout()
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.browse)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Folder", folder)
        form.addRow("Name", self.name)
        form.addRow("Mode", self.mode)
        form.addRow("Note", self.note)
        column = QVBoxLayout(self)
        column.addWidget(self.button)
        column.addLayout(form)
        column.addWidget(self._age)
        column.addWidget(self._state)
        column.addWidget(self._disk)
        column.addStretch()

    def _connect(self) -> None:
        self.button.clicked.connect(self._press)
        self.browse.clicked.connect(self._browse)
        self.folder.changed.connect(self._take_order)
        self.folder.editingFinished.connect(self._check_folder)
        self.name.changed.connect(self._take_order)
        self.folder.refused.connect(self._take_order)
        self.name.editingFinished.connect(self.session.tell_order)
        self.mode.currentTextChanged.connect(self._take_order)
        self.mode.currentTextChanged.connect(self.session.tell_order)
        self.name.returnPressed.connect(self._rename)
        self.note.returnPressed.connect(self._add_note)
        self.session.order_changed.connect(self._show_order)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("folder", self.folder), ("name", self.name), ("mode", self.mode), ("note", self.note)]

    def commands(self) -> list[tuple[str, Command]]:
        """Return nothing: starting and stopping are actions of the menu."""
        return []

    def _show_order(self) -> None:
        order = self.session.recording_order
        if order.folder is not None and self.folder.text() != str(order.folder):
            self.folder.setText(str(order.folder))
        if order.name is not None and self.name.text().strip() != order.name:
            self.name.setText(order.name)
        if order.mode is not None:
            self.mode.setCurrentText(order.mode)

    def _take_order(self) -> None:
        text, name = self.folder.value, self.name.value
        path = path_of(text) if text else None
        mode = cast("RecordingMode", self.mode.currentText())
        folder = self.session.recording_order.folder if isinstance(path, str) else path
        self.session.recording_order = StartRecording(folder, name or None, mode)
        refused = [field.toolTip() for field in (self.folder, self.name) if field.is_refused]
        self.session.order_refused = "; ".join(refused)

    def _check_folder(self) -> None:
        """Look at its disk and for what is wrong with the folder, beside the window: it may be far away."""
        self.session.tell_order()
        text = self.folder.text().strip()
        path = path_of(text) if text else None
        if not isinstance(path, Path):
            return
        # Where it goes, also from ~ or a part of a path.
        self.folder.setText(str(path))
        self.session.background.run(lambda: why_no_folder(path), self.folder.mark)

    def _rename(self) -> None:
        """Return in the name field renames a running recording."""
        running = self.session.state.recording is not None
        if running and self.name.text().strip() and not self.name.is_refused:
            self.session.rename_recording(self.name.text().strip())

    def _add_note(self) -> None:
        if self.note.text().strip() and not self.note.is_refused:
            self.session.add_note(self.note.value)
            self.note.clear()

    def _press(self) -> None:
        if self.session.state.recording is None:
            self.session.start_recording()
        else:
            self.session.stop_recording()
        self._show_button(self.session.state)

    def _browse(self) -> None:
        """Open a folder dialog beside the window; it holds nothing up."""
        if self._dialog is None:
            self._dialog = QFileDialog(self, "Folder for recordings")
            self._dialog.setObjectName("recording.dialog")
            self._dialog.setFileMode(QFileDialog.FileMode.Directory)
            self._dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
            self._dialog.setModal(False)
            self._dialog.fileSelected.connect(self.folder.setText)
            self._dialog.fileSelected.connect(self._check_folder)
        self._dialog.setDirectory(self.folder.text())
        self._dialog.show()

    def refresh(self, snapshot: Snapshot) -> None:
        """Show whether a recording runs and how far it is."""
        state = snapshot.state
        self._show_button(state)
        for field in (self.folder, self.mode, self.browse):
            _enable(field, state.recording is None)
        _enable(self.note, state.recording is not None)
        self._state.setText(_state_text(state))
        self._disk.setText(_disk_text(state))
        said = why_old(state.status_age_s)
        self._age.setText(said)
        self._age.setVisible(bool(said))
        for label in (self._state, self._disk):
            mark_old(label, old=bool(said))

    def _show_button(self, state: State) -> None:
        running = state.recording is not None
        if state.starting or state.stopping:
            text = "Starting …" if state.starting else "Finishing …"
        else:
            text = "■  Stop recording" if running else "●  Record"
        _enable(self.button, not (state.starting or state.stopping))
        self.button.setText(text)
        act, name = ("Stop recording", "stop_recording") if running else ("Start recording", "record")
        self.button.setToolTip(self._desk.with_key(act, name))
        if self.button.property("recording") != running:
            self.button.setProperty("recording", running)
            style = self.button.style()
            if style is not None:
                style.unpolish(self.button)
                style.polish(self.button)


def _enable(widget: QWidget, enabled: bool) -> None:
    """Enable or disable a widget; from one that had the keyboard it does not go to the next field."""
    if not enabled and widget.hasFocus():
        widget.clearFocus()
    widget.setEnabled(enabled)


def _why_no_path(text: str) -> str | None:
    """Say why no folder can be called so; without a text the config's is taken."""
    path = path_of(text) if text else None
    return path if isinstance(path, str) else None


def _why_no_name(name: str) -> str | None:
    """Say why nothing can be called so; without a name the config's is taken."""
    problem = validate_dataset_name(name) if name else None
    return None if problem is None else f"“{name}” {problem}"


def _line(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    return label


def _state_text(state: State) -> str:
    if state.recording is not None:
        seconds = state.status.recording_seconds if state.status is not None else 0.0
        lines = [f"<b>Recording for {duration_text(seconds)}</b>"]
        if state.progress is not None:
            lines.append(f"{count_text(state.progress.frames_recorded)} frames safe on disk")
        return "<br>".join([*lines, f"in {escape(str(state.recording))}"])
    if state.finished is not None:
        counters = state.finished.counters
        lost = f"{count_text(counters.frames_lost)} lost" if counters.frames_lost else "none lost"
        frames = f"{count_text(counters.frames_recorded)} frames, {lost}"
        path = escape(str(state.finished.path))
        return f"<b>Last recording: {state.finished.exit_status}</b><br>{frames}<br>{path}"
    return "Not recording"


def _disk_text(state: State) -> str:
    if state.status is None or state.status.free_disk_bytes is None:
        return ""
    free = f"{bytes_text(state.status.free_disk_bytes)} free"
    minutes = math.inf if state.recording is None or state.progress is None else state.progress.disk_minutes
    return f"{free}, enough for {minutes_text(60 * minutes)}" if math.isfinite(minutes) else free
