"""Ctrl+K: a field over the window that finds panels, settings and actions, and runs them."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QObject, QPoint, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QFrame, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from gui.models.search import Entry, matching
from gui.widgets.message_label import MessageLabel

_WIDTH_PX, _HEIGHT_PX = 560, 420
_MOST = 60


class Palette(QFrame):
    """Shown by `open`; Return runs what is chosen, Escape closes.

    Parameters
    ----------
    parent : QWidget
        The window that it lies over.
    entries : callable
        Returns what can be found now.
    """

    def __init__(self, parent: QWidget, entries: Callable[[], list[Entry]]) -> None:
        # A window of its own: panels that float are windows, too, and would lie over it.
        super().__init__(parent, Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("palette")
        self.setProperty("role", "palette")
        self.setAutoFillBackground(True)
        self._entries = entries
        self._all: list[Entry] = []
        self._found: list[Entry] = []
        self.field = QLineEdit()
        self.field.setObjectName("palette.field")
        self.field.setPlaceholderText("Find a panel, a setting or an action")
        self.list = QTreeWidget()
        self.list.setObjectName("palette.list")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setColumnCount(3)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        header = self.list.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self._nothing = MessageLabel("palette.nothing", "dim")
        self._nothing.hide()
        column = QVBoxLayout(self)
        column.addWidget(self.field)
        column.addWidget(self._nothing)
        column.addWidget(self.list)
        self.field.textChanged.connect(self._look)
        self.field.returnPressed.connect(self.run_chosen)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(lambda _: self.run_chosen())
        self.hide()

    def open(self) -> None:
        """Show the field, empty, in the middle of the window."""
        window = self.parentWidget()
        assert window is not None
        width, height = min(_WIDTH_PX, window.width() - 40), min(_HEIGHT_PX, window.height() - 80)
        self.resize(width, height)
        self.move(window.mapToGlobal(QPoint((window.width() - width) // 2, 60)))
        self._all = self._entries()
        self.field.clear()
        self._look("")
        self.show()
        self.raise_()
        self.activateWindow()
        self.field.setFocus()

    def _look(self, typed: str) -> None:
        self._found = matching(self._all, typed)[:_MOST]
        self.list.clear()
        for entry in self._found:
            item = QTreeWidgetItem([entry.title, entry.kind, entry.key])
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight)
            self.list.addTopLevelItem(item)
        self._nothing.setText(f"Nothing is called “{typed.strip()}”; try another word for it")
        self._nothing.setVisible(not self._found)
        self._choose(0)

    def _choose(self, row: int) -> None:
        self.list.setCurrentItem(self.list.topLevelItem(row))

    def _row(self) -> int:
        return self.list.currentIndex().row()

    def run_chosen(self) -> None:
        """Close and do what is chosen."""
        row = self._row()
        self._leave()
        if 0 <= row < len(self._found):
            self._found[row].run()

    def _leave(self) -> None:
        """Close, and give the keyboard back to the window."""
        self.hide()
        window = self.parentWidget()
        assert window is not None
        window.activateWindow()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Let the arrow keys move in the list, and leave with the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step and self._found:
                self._choose((self._row() + step) % len(self._found))
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._leave()
                return True
        if event is not None and event.type() == QEvent.Type.FocusOut:
            self.hide()
        return super().eventFilter(watched, event)
