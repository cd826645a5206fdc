"""The first row of the window: the menus, and beside them what the program has to say."""

from __future__ import annotations

from PyQt6.QtWidgets import QHBoxLayout, QMenuBar, QSizePolicy, QVBoxLayout, QWidget

from gui.notice_bar import DoneBar, NoticeBar
from gui.theme import Theme

#: Sentences of so many lines move nothing; longer ones make the row higher.
_LINES = 2


class SaidRow(QWidget):
    """Keeps room for what may come: nothing under the mouse moves when an error does.

    Parameters
    ----------
    menus : QMenuBar
        At the left.
    """

    def __init__(self, menus: QMenuBar) -> None:
        super().__init__()
        self.notice, self.done = NoticeBar(), DoneBar()
        # What is done is said for some seconds, and the error that it covers is there again.
        self.done.speaks.connect(self.notice.give_way)
        self.notice.told.connect(self.done.hide)
        menus.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._room = QWidget()
        row, room = QHBoxLayout(self), QVBoxLayout(self._room)
        row.addWidget(menus)
        row.addWidget(self._room, 1)
        room.addWidget(self.notice)
        room.addWidget(self.done)
        for layout in (row, room):
            layout.setContentsMargins(0, 0, 0, 0)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours, and room for text of another size."""
        self.notice.set_colours(theme.alarm)
        self.done.set_colours(theme.calm)
        self._room.setMinimumHeight(self.notice.height_of(_LINES))
