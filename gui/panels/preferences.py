"""Panel: how the window looks and which keys it has."""

from __future__ import annotations

from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QHeaderView,
    QKeySequenceEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.preferences import LARGEST_FONT, SMALLEST_FONT
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.choice_box import ChoiceBox
from gui.widgets.message_label import MessageLabel
from gui.widgets.number_field import NumberField

_THEMES = {"as the config says": "", "dark": "dark", "light": "light", "as the desktop": "system"}


class PreferencesPanel(Panel):
    """Theme, size of the text, keys; kept apart from the experiment's config."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.setObjectName("preferences")
        self._desk = context.desk
        self.chosen_theme = ChoiceBox()
        self.chosen_theme.setObjectName("preferences.theme")
        self.chosen_theme.addItems(list(_THEMES))
        self.chosen_theme.setToolTip("Colours of the window, from now on")
        self.text_size = NumberField(_why_no_size)
        self.text_size.setObjectName("preferences.font")
        self.text_size.setToolTip(
            f"Size of the text, {SMALLEST_FONT} to {LARGEST_FONT} px; 0: as the desktop has it"
        )
        self.keys = QTableWidget(0, 2)
        self.keys.setObjectName("preferences.keys")
        self.keys.setToolTip("Click a key and press another; Backspace or × leaves the action without one")
        self.keys.setHorizontalHeaderLabels(["Action", "Key"])
        self.keys.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.keys.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        rows, columns = self.keys.verticalHeader(), self.keys.horizontalHeader()
        if rows is not None:
            rows.hide()
        if columns is not None:
            columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._refused = MessageLabel("preferences.refused", "refused")
        self._refused.hide()
        self._lay_out()
        self._show_choices()
        self.chosen_theme.textActivated.connect(lambda text: self._desk.choose_theme(_THEMES[text]))
        self.text_size.committed.connect(lambda size: self._desk.choose_font(int(size)))
        self.text_size.refused.connect(self._tell)
        self._desk.looks_changed.connect(self._show_choices)

    def _lay_out(self) -> None:
        hints = QPushButton("Show the hints again")
        hints.setObjectName("preferences.hints")
        hints.setToolTip("Show the hints for a first session from the beginning")
        hints.clicked.connect(self._desk.show_hints_again)
        form = QFormLayout()
        form.addRow("Theme", self.chosen_theme)
        form.addRow("Text (px; 0: as the desktop)", self.text_size)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.keys, 1)
        column.addWidget(self._refused)
        column.addWidget(hints)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("theme", self.chosen_theme), ("text size", self.text_size), ("shortcuts, keys", self.keys)]

    def _show_choices(self) -> None:
        preferences = self._desk.preferences
        self.chosen_theme.setCurrentIndex(list(_THEMES.values()).index(preferences.theme))
        self.text_size.show_number(preferences.font_px)

    def refresh(self, snapshot: Snapshot) -> None:  # noqa: ARG002 - nothing of the microscope is shown
        """List the actions once they are known."""
        if self.keys.rowCount() == len(self._desk.actions):
            return
        self.keys.setRowCount(len(self._desk.actions))
        for row, (name, action) in enumerate(self._desk.actions.items()):
            self.keys.setItem(row, 0, QTableWidgetItem(self._desk.titles[name]))
            editor = QKeySequenceEdit(action.shortcut())
            editor.setMaximumSequenceLength(1)
            editor.setClearButtonEnabled(True)
            editor.setObjectName(f"preferences.key.{name}")
            editor.editingFinished.connect(lambda name=name, editor=editor: self._take(name, editor))
            self.keys.setCellWidget(row, 1, editor)

    def _take(self, name: str, editor: QKeySequenceEdit) -> None:
        why_not = self._desk.choose_key(name, editor.keySequence().toString())
        self._tell(why_not or "")
        if why_not is not None:
            editor.setKeySequence(QKeySequence(self._desk.actions[name].shortcut()))

    def _tell(self, why_not: str) -> None:
        self._refused.setText(why_not)
        self._refused.setVisible(bool(why_not))


def _why_no_size(size_px: float) -> str | None:
    if size_px == 0 or (size_px == int(size_px) and SMALLEST_FONT <= size_px <= LARGEST_FONT):
        return None
    return f"give a whole number from {SMALLEST_FONT} to {LARGEST_FONT}, or 0, not {size_px:g}"
