"""Where a search has led to: seen, and what is typed there is no command."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QFocusEvent, QKeyEvent
from PyQt6.QtWidgets import QLineEdit, QWidget

_EDITING = (Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_V, Qt.Key.Key_X, Qt.Key.Key_Y, Qt.Key.Key_Z)
_ERASING = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
#: The keyboard is elsewhere for a while only.
_COMES_BACK = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
_CONTROL = Qt.KeyboardModifier.ControlModifier


class Found(QObject):
    """Marks one widget until the keyboard leaves it; Escape lets the keyboard go.

    Somebody who has searched for a setting types its value next. Where a widget takes no text, as a value
    that can only be read, the letters would be commands: A adds beads, Del removes them.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._shown: tuple[QWidget, QWidget] | None = None

    def show(self, widget: QWidget, panel: QWidget) -> None:
        """Put the keyboard into a widget of a panel; into the panel where the widget can take none."""
        self._leave()
        taker = widget if widget.isEnabled() else panel
        self._shown = widget, taker
        taker.setFocus()
        if isinstance(widget, QLineEdit):
            widget.selectAll()
        _mark(widget, "true")
        taker.installEventFilter(self)
        widget.destroyed.connect(self._forget)

    def _forget(self) -> None:
        self._shown = None

    def _leave(self) -> None:
        if self._shown is not None:
            (widget, taker), self._shown = self._shown, None
            widget.destroyed.disconnect(self._forget)
            taker.removeEventFilter(self)
            _mark(widget, "")

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep what is typed from the shortcuts."""
        if event is None or self._shown is None or watched is not self._shown[1]:
            return super().eventFilter(watched, event)
        if isinstance(event, QFocusEvent) and event.lostFocus():
            if event.reason() not in _COMES_BACK:
                self._leave()
        elif isinstance(event, QKeyEvent) and not isinstance(watched, QLineEdit):
            if event.type() == QEvent.Type.ShortcutOverride and (_is_typed(event) or _is_escape(event)):
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and _is_escape(event):
                self._shown[1].clearFocus()
                return True
        return super().eventFilter(watched, event)


def _is_escape(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_Escape and event.modifiers() == Qt.KeyboardModifier.NoModifier


def _is_typed(event: QKeyEvent) -> bool:
    """Return whether somebody who means a text would press this."""
    if event.key() in _ERASING:
        return True
    held = event.modifiers()
    if held & _CONTROL:
        return event.key() in _EDITING
    return not held & Qt.KeyboardModifier.AltModifier and event.text().isprintable() and bool(event.text())


def _mark(widget: QWidget, found: str) -> None:
    widget.setProperty("found", found)
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)
