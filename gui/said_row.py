"""The first row of the window: the menus, and beside them what the program has to say."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QMenuBar, QSizePolicy, QVBoxLayout, QWidget

from gui.notice_bar import DoneBar, HintBar, NoticeBar
from gui.theme import Theme

#: Sentences of so many lines move nothing; longer ones make the row higher.
_LINES = 2


class SaidRow(QWidget):
    """Keeps room for what may come: nothing under the mouse moves when an error does.

    What is done is said for some seconds; behind an error where there is one. A hint waits until nothing else
    is said.

    Parameters
    ----------
    menus : QMenuBar
        At the left.
    hints : HintBar
        Takes its turn in the row.
    """

    def __init__(self, menus: QMenuBar, hints: HintBar) -> None:
        super().__init__()
        self.notice, self.done = NoticeBar(), DoneBar()
        self._bars = self.notice, self.done, hints
        menus.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._room = QWidget()
        row, room = QHBoxLayout(self), QVBoxLayout(self._room)
        row.addWidget(menus, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._room, 1)
        for layout in (row, room):
            layout.setContentsMargins(0, 0, 0, 0)
        for bar in self._bars:
            room.addWidget(bar)
            bar.changed.connect(self._share)
        self._share()

    def _share(self) -> None:
        """Show the first bar that has something to say; two at once would make the row higher."""
        self.notice.say_aside(self.done.text.text() if self.done.speaks else "")
        speaks = next((bar for bar in self._bars if bar.speaks), None)
        for bar in self._bars:
            if bar is not speaks:
                bar.hide()
        if speaks is not None:
            speaks.show()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours, and room for text of another size."""
        for bar in self._bars:
            bar.set_colours(theme.alarm if bar is self.notice else theme.calm)
        self._room.setMinimumHeight(self.notice.height_of(_LINES))
