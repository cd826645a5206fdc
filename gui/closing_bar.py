"""The question before closing while a recording runs: a bar in the window, not a box over it."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent

from gui.notice_bar import Bar


class ClosingBar(Bar):
    """Asks whether to stop the recording and close, or to keep it running."""

    stop_and_close = pyqtSignal()
    #: The question is there, or gone; meanwhile Escape answers it.
    asks = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__("closing")
        self.waiting = False
        self._stop = self.add_button("closing.stop", "Stop recording and close", self._choose)
        self._keep = self.add_button("closing.keep", "Keep recording", self._keep_on)
        self._keep.setToolTip("Esc")
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.ApplicationShortcut)
        escape.activated.connect(self._keep_on)

    def ask(self) -> None:
        """Show the question."""
        self.waiting = False
        self.text.setText("A recording is running. Stop it and close the window?")
        self._stop.setEnabled(True)
        self._keep.setEnabled(True)
        self.show()

    def _choose(self) -> None:
        self.waiting = True
        self.text.setText("Finishing the recording, then closing …")
        self._stop.setEnabled(False)
        self._keep.setEnabled(False)
        self.stop_and_close.emit()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Claim Escape."""
        super().showEvent(event)
        self.asks.emit(True)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Leave Escape to others."""
        super().hideEvent(event)
        self.asks.emit(False)

    def _keep_on(self) -> None:
        if not self.waiting:
            self.hide()
