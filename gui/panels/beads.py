"""Panel: all beads with their newest position."""

from __future__ import annotations

import math

from PyQt6.QtCore import QItemSelection, QItemSelectionModel, QPoint, QSortFilterProxyModel, Qt
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QVBoxLayout

from gui.models.age import MOTOR_STALE_S
from gui.models.bead_table import COLUMNS, BeadLine, bead_lines
from gui.models.force import force_at
from gui.models.selection import Selection
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.bead_menu import open_bead_menu
from gui.widgets.bead_model import SORT_ROLE, BeadModel
from gui.widgets.number_table import NumberTable

#: Columns of words, and the longest that is common.
_WORDS = {"for": "tether", "state": "✓ tracked"}


class BeadsPanel(Panel):
    """Table that sorts by any column; selected rows are the chosen beads; a right click offers more."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.model = BeadModel()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.model)
        self._sorted.setSortRole(SORT_ROLE)
        self.table = NumberTable()
        self.table.setObjectName("beads.table")
        self.table.setModel(self._sorted)
        self._set_up_table()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self._following = False
        self._shown = Selection()
        self.table.customContextMenuRequested.connect(self._open_menu)
        selection = self.table.selectionModel()
        if selection is not None:
            selection.selectionChanged.connect(self._choose)

    def _set_up_table(self) -> None:
        table = self.table
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        if rows is not None:
            rows.hide()
        if columns is not None:
            columns.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.need(_longest([]))

    def chosen(self) -> frozenset[int]:
        """Return the beads whose rows are selected."""
        selection = self.table.selectionModel()
        rows = [] if selection is None else selection.selectedRows()
        found = (self.model.bead_at(self._sorted.mapToSource(row).row()) for row in rows)
        return frozenset(bead_id for bead_id in found if bead_id is not None)

    def _choose(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: ARG002 - Qt's signature
        if self._following:
            return
        chosen = self.chosen()
        if not chosen:
            return
        current = self.model.bead_at(self._sorted.mapToSource(self.table.currentIndex()).row())
        self.session.choose(Selection.of(chosen, current))

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the newest positions and which beads are chosen."""
        self._following = True
        # An old height of the magnet says nothing about the force now.
        known = {
            name: one for name, one in snapshot.motors.items() if snapshot.motor_age_s(name) < MOTOR_STALE_S
        }
        force_pn = force_at(self.session.force, self.session.config, known)
        age = self.age_of_rows(snapshot)
        lines = bead_lines(
            snapshot.state.beads, snapshot.history.latest(), math.nan if force_pn is None else force_pn, age
        )
        self.model.set_lines(lines, self.theme.dim if age else "")
        self.table.need(_longest(lines))
        if snapshot.selection.chosen != self.chosen():
            self._follow(snapshot.selection)
        self._following = False

    def _follow(self, wanted: Selection) -> None:
        selection = self.table.selectionModel()
        if selection is None:
            return
        flag = QItemSelectionModel.SelectionFlag
        selection.clearSelection()
        for bead_id in sorted(wanted.chosen):
            row = self.model.row_of(bead_id)
            if row is not None:
                index = self._sorted.mapFromSource(self.model.index(row, 0))
                selection.select(index, flag.Select | flag.Rows)
                if bead_id == wanted.shown:
                    selection.setCurrentIndex(index, flag.NoUpdate)
                    self.table.scrollTo(index)

    def _open_menu(self, at: QPoint) -> None:
        viewport = self.table.viewport()
        open_bead_menu(
            self, self.session, self.table.mapToGlobal(at) if viewport is None else viewport.mapToGlobal(at)
        )


def _longest(lines: list[BeadLine]) -> list[str]:
    """Return the text with the most letters of each column."""
    texts = zip(*(line.texts for line in lines), strict=True) if lines else ((),) * len(COLUMNS)
    return [max((_WORDS.get(name, ""), *found), key=len) for name, found in zip(COLUMNS, texts, strict=True)]
