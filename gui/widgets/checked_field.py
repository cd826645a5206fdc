"""A field that says at once, and where it stands, why it refuses what was typed."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QLineEdit, QToolTip, QWidget

#: Height of a tooltip and its distance from the place that it is told.
_TIP_PX = 30
#: Longer texts are cut, longer lines refused.
_MOST_CHARACTERS, _LONGEST_LINE = 1_000_000, 2000


class CheckedField(QLineEdit):
    """Can be marked as refused: a red frame, and the reason beside the field and in its tooltip."""

    #: Why what was typed is refused; empty when it is right again.
    refused = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._help = ""

    @property
    def is_refused(self) -> bool:
        """True while what is typed is refused."""
        return bool(self.property("refused"))

    def mark(self, why_not: str | None) -> None:
        """Say why what is typed is refused; None: it is right."""
        if why_not is None and not self.is_refused:
            return
        if why_not is not None and not self.is_refused:
            self._help = self.toolTip()
        self.setToolTip(self._help if why_not is None else why_not)
        self.setProperty("refused", why_not is not None)
        style = self.style()
        if style is not None:
            style.unpolish(self)
            style.polish(self)
        if self.isVisible():
            # Above the field: below it stands what the panel says.
            above = QPoint(0, -self.height() - _TIP_PX)
            QToolTip.showText(self.mapToGlobal(above), why_not or "", self)
        self.refused.emit(why_not or "")

    def event(self, event: QEvent | None) -> bool:
        """Keep Escape for what was typed here, before it is a shortcut of what is around."""
        typed = self.is_refused or self.isModified()
        if typed and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            # A shortcut asks first; who accepts that gets the key.
            event.accept()
            if event.type() == QEvent.Type.ShortcutOverride:
                return True
        return super().event(event)


class TextField(CheckedField):
    """A field for a text that not every text is.

    Parameters
    ----------
    check : callable
        Says in one sentence why a text is refused, or returns None.
    text : str
        Stands in it at first; Escape brings it back.
    """

    #: What counts has changed; with every key that is pressed.
    changed = pyqtSignal()

    def __init__(self, check: Callable[[str], str | None], text: str = "") -> None:
        super().__init__()
        self._check = check
        self._kept = text
        # More than any check allows, so that what is too long is refused, not cut.
        self.setMaxLength(_MOST_CHARACTERS)
        self.setText(text)
        self.textChanged.connect(self._look)
        self.editingFinished.connect(self._keep)

    @property
    def value(self) -> str:
        """What counts: what is typed, or, where that is refused, what stood here before."""
        return (self._kept if self.is_refused else self.text()).strip()

    def show_text(self, text: str) -> None:
        """Show what counts, unless somebody is typing."""
        if not self.isModified():
            self._kept = text
            self.setText(text)

    def _look(self, text: str) -> None:
        self.mark(self._check(text.strip()))
        self.changed.emit()

    def _keep(self) -> None:
        if not self.is_refused:
            self._kept = self.text()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape brings back what stood here before, and goes on to the page, which takes the keyboard."""
        if event is not None and event.key() == Qt.Key.Key_Escape and self.is_refused:
            self.setText(self._kept)
            event.ignore()
            return
        super().keyPressEvent(event)


def why_no_line(text: str) -> str | None:
    """Say in one sentence why a text is no line that somebody can read, or return None."""
    if len(text) > _LONGEST_LINE:
        return f"a line has {_LONGEST_LINE} characters at most, not {len(text)}"
    if not text.isprintable():
        return "a line has no tabs and no other characters that cannot be seen"
    return None
