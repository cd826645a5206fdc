"""Bars in the window: errors with their remedy, and the question before closing. Nothing modal."""

from __future__ import annotations

import re
from collections.abc import Callable

from PyQt6.QtCore import QRect, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy

from gui.theme import Pair
from gui.widgets.message_label import MessageLabel

_DONE_FOR_MS = 6000
#: More of an error is not shown; the rest can be copied, and is in the log.
_MOST_SHOWN = 500
#: An action in a hint.
_ACTION = re.compile(r"\{([\w.]+)\}")


class Bar(QFrame):
    """A line of text with buttons across the window.

    Parameters
    ----------
    name : str
        Object name; the text is ``<name>.text``.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.text = MessageLabel(f"{name}.text")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 3, 6, 3)
        self._row.addWidget(self.text, 1)
        self.hide()

    def add_button(self, name: str, text: str, action: Callable[[], None]) -> QPushButton:
        """Add a button at the right end."""
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(lambda: action())
        self._row.addWidget(button)
        return button

    def height_of(self, lines: int) -> int:
        """Return the height of the bar with so many lines of text, in pixels."""
        self.text.ensurePolished()
        margins = self._row.contentsMargins()
        # As the label measures its text; the spacing of the font may be a pixel less.
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        text = self.text.fontMetrics().boundingRect(QRect(0, 0, 1000, 10_000), flags, "\n".join(lines * "x"))
        return max(text.height() + margins.top() + margins.bottom(), self.minimumSizeHint().height())

    def set_colours(self, pair: Pair) -> None:
        """Colour the bar; the buttons keep theirs."""
        self.setStyleSheet(f"Bar {{ background: {pair.background}; }} QLabel {{ color: {pair.text}; }}")


class TurnBar(Bar):
    """Takes turns with others in one place."""

    #: It has something to say, something else, or nothing any more.
    changed = pyqtSignal()
    speaks = False

    def _speak(self, speaks: bool) -> None:
        self.speaks = speaks
        self.changed.emit()


class NoticeBar(TurnBar):
    """Shows the newest error until it is dismissed, and behind it what was done meanwhile."""

    def __init__(self) -> None:
        super().__init__("notice")
        self._waiting: list[str] = []
        self._aside = ""
        self.add_button("notice.copy", "Copy", self._copy)
        self.add_button("notice.dismiss", "Dismiss", self._dismiss)
        self._all = self.add_button("notice.dismiss_all", "Dismiss all", self._dismiss_all)

    def tell(self, text: str) -> None:
        """Show an error over those that are not dismissed yet."""
        if text in self._waiting:
            self._waiting.remove(text)
        self._waiting.append(text)
        self._show()

    def withdraw(self, text: str) -> None:
        """Take back an error that is so no longer."""
        if text in self._waiting:
            self._waiting.remove(text)
            self._show()

    def say_aside(self, text: str) -> None:
        """Say this behind the error; nothing more if it is empty."""
        if text != self._aside:
            self._aside = text
            self._show()

    def _show(self) -> None:
        more = len(self._waiting) - 1
        self._all.setVisible(more > 0)
        if self._waiting:
            newest = self._waiting[-1]
            shown = newest if len(newest) <= _MOST_SHOWN else f"{newest[:_MOST_SHOWN]} … (Copy has all of it)"
            others = f"   (and {more} more)" if more else ""
            self.text.setText(shown + others + (f"   ✓ {self._aside}" if self._aside else ""))
        self._speak(bool(self._waiting))

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join(self._waiting))

    def _dismiss(self) -> None:
        del self._waiting[-1:]
        self._show()

    def _dismiss_all(self) -> None:
        self._waiting.clear()
        self._show()


class DoneBar(TurnBar):
    """Says that something is done, and goes by itself."""

    def __init__(self) -> None:
        super().__init__("done")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.end)

    def tell(self, text: str) -> None:
        """Show a sentence for some seconds."""
        self.text.setText(text)
        self._timer.start(_DONE_FOR_MS)
        self._speak(True)

    def end(self) -> None:
        """Say no more."""
        self._speak(False)


class HintBar(TurnBar):
    """Hints for the first session, one after the other; each is shown until it is dismissed for good."""

    def __init__(
        self,
        hints: dict[str, str],
        seen: list[str],
        on_seen: Callable[[], None],
        key_of: Callable[[str], str],
    ) -> None:
        super().__init__("hint")
        self._hints, self._seen, self._on_seen, self._key_of = hints, seen, on_seen, key_of
        self.add_button("hint.next", "Next", self._next)
        self.add_button("hint.enough", "No more hints", self._enough)
        self.restart()

    def restart(self) -> None:
        """Show the first hint that was not dismissed yet."""
        key = next((key for key in self._hints if key not in self._seen), None)
        if key is not None:
            number = list(self._hints).index(key) + 1
            text = _ACTION.sub(lambda found: self._key_of(found[1]) or "the menu", self._hints[key])
            self.text.setText(f"{number} of {len(self._hints)}: {text}")
        self._speak(key is not None)

    def _next(self) -> None:
        key = next((key for key in self._hints if key not in self._seen), None)
        if key is not None:
            self._seen.append(key)
        self.restart()
        self._on_seen()

    def _enough(self) -> None:
        self._seen[:] = list(self._hints)
        self.restart()
        self._on_seen()
