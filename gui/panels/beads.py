"""Panel: all beads with their newest position."""

from __future__ import annotations

from PyQt6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QVBoxLayout

from gui.models.bead_table import bead_lines
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.widgets.bead_model import BeadModel
from magscope_app.config import BeadRole


class BeadsPanel(Panel):
    """Table of position, z, uncertainty and quality; a click selects, a right click offers more."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.table = QTableView()
        self.table.setObjectName("beads.table")
        self.model = BeadModel()
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        rows = self.table.verticalHeader()
        if rows is not None:
            rows.hide()
            rows.setDefaultSectionSize(22)
        columns = self.table.horizontalHeader()
        if columns is not None:
            columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self._following = False
        self.table.customContextMenuRequested.connect(self._open_menu)
        selection = self.table.selectionModel()
        if selection is not None:
            selection.selectionChanged.connect(self._choose)

    def chosen(self) -> tuple[int, ...]:
        """Return the beads whose rows are selected."""
        selection = self.table.selectionModel()
        rows = [] if selection is None else selection.selectedRows()
        return tuple(bead_id for row in rows if (bead_id := self.model.bead_at(row.row())) is not None)

    def _choose(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: ARG002 - Qt's signature
        chosen = self.chosen()
        if not self._following and chosen and self.session.selected not in chosen:
            self.session.select(chosen[-1])

    def refresh(self, snapshot: Snapshot) -> None:
        """Show the newest positions and which bead is selected."""
        self._following = True
        self.model.set_lines(bead_lines(snapshot.state.beads, snapshot.history.latest()))
        if snapshot.selected not in self.chosen():
            self._follow(snapshot.selected)
        self._following = False

    def _follow(self, bead_id: int | None) -> None:
        row = self.model.row_of(bead_id)
        selection = self.table.selectionModel()
        if row is None or selection is None:
            self.table.clearSelection()
            return
        flag = QItemSelectionModel.SelectionFlag
        index = self.model.index(row, 0)
        selection.setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
        self.table.scrollTo(index)

    def _open_menu(self, at: QPoint) -> None:
        chosen = self.chosen()
        if not chosen:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        what = f"bead {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} beads"
        roles: tuple[tuple[BeadRole, str], ...] = (
            ("reference", "Use as reference"),
            ("tethered", "Mark as tethered"),
        )
        for role, text in roles:
            action = menu.addAction(f"{text}: {what}")
            if action is not None:
                action.triggered.connect(lambda _, role=role: self._set_roles(chosen, role))
        menu.addSeparator()
        remove = menu.addAction(f"Remove {what}")
        if remove is not None:
            remove.triggered.connect(lambda: self.session.remove_beads(chosen))
        viewport = self.table.viewport()
        menu.popup(self.table.mapToGlobal(at) if viewport is None else viewport.mapToGlobal(at))

    def _set_roles(self, bead_ids: tuple[int, ...], role: BeadRole) -> None:
        for bead_id in bead_ids:
            self.session.set_role(bead_id, role)
