"""The question before closing while a recording runs: a bar in the window, not a box over it."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal

from gui.notice_bar import Bar


class ClosingBar(Bar):
    """Asks whether to stop the recording and close, or to keep it running."""

    stop_and_close = pyqtSignal()

    def __init__(self) -> None:
        super().__init__("closing")
        self.waiting = False
        self._stop = self.add_button("closing.stop", "Stop recording and close", self._choose)
        self._keep = self.add_button("closing.keep", "Keep recording", self._keep_on)

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

    def _keep_on(self) -> None:
        self.hide()
