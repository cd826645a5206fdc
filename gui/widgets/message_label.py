"""A label for sentences: they wrap, and never make the window wider."""

from __future__ import annotations

import re

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import QLabel

#: Runs of characters between which a line cannot be broken, and that are long.
_LONG = re.compile(r"[^\s/\\\-]{25,}")
_PIECE = 24
#: Says where a line may be broken, and is not seen.
_BREAK = "\u200b"
_LEAST_WIDTH_PX = 100


class MessageLabel(QLabel):
    """Wraps whatever is said, also a number of three hundred digits.

    Parameters
    ----------
    name : str
        Object name.
    role : str
        What the style sheet colours it by; may be empty.
    """

    def __init__(self, name: str = "", role: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        if role:
            self.setProperty("role", role)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def setText(self, text: str | None) -> None:
        """Show a sentence."""
        super().setText(_LONG.sub(_with_breaks, text or ""))

    def text(self) -> str:
        """Return the sentence as it was given."""
        return super().text().replace(_BREAK, "")

    def minimumSizeHint(self) -> QSize:
        """Ask for the height of the text, and no width that somebody has typed."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), _LEAST_WIDTH_PX), hint.height())


def _with_breaks(run: re.Match[str]) -> str:
    text = run.group()
    return _BREAK.join(text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
