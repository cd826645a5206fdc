"""Panel: the log of all processes."""

from __future__ import annotations

import logging
import time
from html import escape

from PyQt6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.models.log_filter import LEVELS, LogFilter
from gui.models.state import MAX_LOG, LogLine
from gui.panels.panel import Panel, PanelContext
from gui.snapshot import Snapshot
from gui.theme import Theme
from gui.widgets.choice_box import ChoiceBox

_NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}


class LogPanel(Panel):
    """What every process reports, newest last."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.text = QPlainTextEdit()
        self.text.setObjectName("log.text")
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(MAX_LOG)
        copy = QPushButton("Copy all")
        copy.setObjectName("log.copy")
        copy.setToolTip("Put the lines that are shown on the clipboard")
        copy.clicked.connect(self._copy)
        self.level = ChoiceBox()
        self.level.setObjectName("log.level")
        self.level.addItems(list(LEVELS))
        self.level.setCurrentText("from info")
        self.level.setToolTip("The least important lines that are shown")
        self.words = QLineEdit()
        self.words.setObjectName("log.words")
        self.words.setPlaceholderText("only lines with …")
        self.words.setClearButtonEnabled(True)
        self.words.setToolTip("Words that a line, or the name of its process, must have")
        self._filter = LogFilter()
        self._count = QLabel()
        self._count.setObjectName("log.count")
        self._count.setProperty("role", "dim")
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 2, 6, 2)
        bar.setSpacing(8)
        bar.addWidget(self.level)
        bar.addWidget(self.words, 1)
        bar.addWidget(self._count)
        bar.addWidget(copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.text, 1)
        self._next = self._shown = 0
        self.level.currentTextChanged.connect(self._choose)
        self.words.textChanged.connect(self._choose)

    def settings(self) -> list[tuple[str, QWidget]]:
        """Return what can be set here."""
        return [("level", self.level), ("words", self.words)]

    def _choose(self) -> None:
        self._filter = LogFilter(LEVELS[self.level.currentText()], self.words.text())
        self._write_anew()

    def _write_anew(self) -> None:
        self.text.clear()
        self._next = self._shown = 0

    def refresh(self, snapshot: Snapshot) -> None:
        """Append what is new."""
        state = snapshot.state
        if self._next == state.log_count:
            return
        for line in state.log:
            if line.number >= self._next and self._filter.passes(line):
                self.text.appendHtml(self._html(line, state.clock()))
                self._shown += 1
        self._next = state.log_count
        self._shown = min(self._shown, MAX_LOG)
        left_out = "" if self._shown == state.log_count else f"{self._shown} of "
        self._count.setText(f"{left_out}{state.log_count} line{'' if state.log_count == 1 else 's'}")

    def _html(self, line: LogLine, now_ns: int) -> str:
        at = time.localtime(time.time() - (now_ns - line.timestamp_ns) * 1e-9)
        level = _NAMES.get(line.level, str(line.level))
        colour = self.theme.dim if line.level < logging.INFO else self.theme.text
        text = f"{time.strftime('%H:%M:%S', at)} {line.process}: {escape(line.text)}"
        if line.level < logging.WARNING:
            return f'<span style="color:{colour}">{text}</span>'
        pair = self.theme.alarm if line.level >= logging.ERROR else self.theme.warn
        mark = f'<span style="background:{pair.background};color:{pair.text}">&nbsp;{level}&nbsp;</span>'
        return f'{mark} <span style="color:{colour}">{text}</span>'

    def _copy(self) -> None:
        self.text.selectAll()
        self.text.copy()
        cursor = self.text.textCursor()
        cursor.clearSelection()
        self.text.setTextCursor(cursor)

    def set_theme(self, theme: Theme) -> None:
        """Write the lines anew in the other colours."""
        super().set_theme(theme)
        self._write_anew()
