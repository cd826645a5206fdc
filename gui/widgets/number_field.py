"""A field for a number with its unit; what is wrong is refused in place."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QWidget

from gui.models.numbers import parsed_number
from gui.widgets.checked_field import CheckedField

Check = Callable[[float], str | None]


class NumberField(CheckedField):
    """Takes a number when Return is pressed or the field is left; the mouse wheel changes nothing.

    Parameters
    ----------
    check : callable
        Says in one sentence why a number is refused, or returns None.
    parent : QWidget, optional
        As for every widget.
    """

    #: A number that was typed and accepted.
    committed = pyqtSignal(float)

    def __init__(self, check: Check, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._check = check
        self._shown = ""
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.editingFinished.connect(self._finish)

    def show_number(self, value: float) -> None:
        """Show a value, unless somebody is typing."""
        if not self.isModified():
            self._shown = f"{value:.10g}"
            if self.text() != self._shown:
                self.setText(self._shown)

    def number(self) -> float | None:
        """Return what is typed, None where it is no number or is refused."""
        value = parsed_number(self.text())
        return None if isinstance(value, str) or self._check(value) is not None else value

    def why_not(self) -> str | None:
        """Say in one sentence why what is typed is refused, None where it is right."""
        value = parsed_number(self.text())
        return value if isinstance(value, str) else self._check(value)

    def _finish(self) -> None:
        if not self.isModified():
            return
        self.mark(self.why_not())
        value = self.number()
        if value is not None:
            self.setModified(False)
            # What was taken, however it was written.
            self.show_number(value)
            self.committed.emit(value)

    def event(self, event: QEvent | None) -> bool:
        """Let Space be a command, as starting a recording, where nothing is being typed."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Space
            and not self.isModified()
        ):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape brings back the value before typing, and goes on to the page, which takes the keyboard."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
            self.setModified(False)
            self.mark(None)
            event.ignore()
            return
        super().keyPressEvent(event)
