"""A box to choose from that the wheel changes only when it was clicked."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QComboBox


class ChoiceBox(QComboBox):
    """Whoever scrolls a page does not change what the pointer happens to pass."""

    def __init__(self) -> None:
        super().__init__()
        # Not by the wheel, as is usual.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the page unless the keyboard is here."""
        if event is not None and not self.hasFocus():
            event.ignore()
            return
        super().wheelEvent(event)
