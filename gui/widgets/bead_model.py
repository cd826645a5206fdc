"""The bead table's lines for Qt."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PyQt6.QtGui import QBrush, QColor

from gui.models.bead_table import COLUMNS, TOOLTIPS, BeadLine

_FIRST_NUMBER, _STATE = 2, len(COLUMNS) - 1
#: Numbers to sort by.
SORT_ROLE = Qt.ItemDataRole.UserRole


class BeadModel(QAbstractTableModel):
    """Holds the lines; tells Qt only what has changed."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[BeadLine] = []
        self._dimmed: QBrush | None = None

    def set_lines(self, lines: list[BeadLine], dimmed: str = "") -> None:
        """Show these lines, in the colour for what is old where one is given."""
        self._dimmed = QBrush(QColor(dimmed)) if dimmed else None
        if [line.bead_id for line in lines] != [line.bead_id for line in self._lines]:
            self.beginResetModel()
            self._lines = lines
            self.endResetModel()
        elif lines:
            self._lines = lines
            self.dataChanged.emit(self.index(0, 0), self.index(len(lines) - 1, len(COLUMNS) - 1))

    def bead_at(self, row: int) -> int | None:
        """Return the bead of a row."""
        return self._lines[row].bead_id if 0 <= row < len(self._lines) else None

    def row_of(self, bead_id: int | None) -> int | None:
        """Return the row of a bead."""
        return next((row for row, line in enumerate(self._lines) if line.bead_id == bead_id), None)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of beads."""
        return 0 if parent is not None and parent.isValid() else len(self._lines)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, colour or alignment of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._lines[index.row()].texts[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._dimmed
        if role == SORT_ROLE:
            return self._lines[index.row()].keys[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and _FIRST_NUMBER <= index.column() < _STATE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return name or explanation of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            # The unit below the name: nine columns stand side by side.
            return COLUMNS[section].replace(" (", "\n(")
        return TOOLTIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None
