"""The page of a dock: its panel, which scrolls where there is too little room for it."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, QSize, Qt
from PyQt6.QtGui import QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import QLayout, QScrollArea, QWidget

#: A page is never smaller, and scrolls below what its panel needs.
_LEAST_PX = QSize(200, 100)


class Page(QScrollArea):
    """Gives its panel all the room there is, or what it needs at least.

    Qt's own way (``widgetResizable``) goes by the height that a panel would like, and would scroll plots and
    tables that have room enough.

    Parameters
    ----------
    panel : QWidget
        What is shown; it has a layout.
    keeps_width : bool
        The page is at least as wide as the panel needs, so that nothing is to be scrolled to from side to
        side: for controls that move something.
    """

    def __init__(self, panel: QWidget, *, keeps_width: bool = False) -> None:
        super().__init__()
        self._panel = panel
        self._keeps_width = keeps_width
        self._least = _LEAST_PX
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidget(panel)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow what the panel needs."""
        done = super().eventFilter(watched, event)
        if watched is self._panel and event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Share the new room with the panel."""
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Let Escape take the keyboard out of a field: keys are commands again."""
        focus = self._panel.focusWidget()
        if event is not None and event.key() == Qt.Key.Key_Escape and focus is not None and focus.hasFocus():
            focus.clearFocus()
            return
        super().keyPressEvent(event)

    def minimumSizeHint(self) -> QSize:
        """Ask for little: no panel takes the room of another, or of the strip below."""
        return self._least

    def sizeHint(self) -> QSize:
        """Ask for what the panel would like."""
        return self._panel.sizeHint().expandedTo(self._least)

    def _fit(self) -> None:
        layout, upright = self._panel.layout(), self.verticalScrollBar()
        if layout is None or upright is None:
            return
        room, beside = self.maximumViewportSize(), upright.sizeHint().width()
        needed = layout.minimumSize().width()
        if self._keeps_width and self._least.width() != max(_LEAST_PX.width(), needed + beside):
            self._least = QSize(max(_LEAST_PX.width(), needed + beside), _LEAST_PX.height())
            self.updateGeometry()
        width = max(room.width(), needed)
        if _least_height(layout, width) > room.height():
            width = max(room.width() - beside, needed)
        height = room.height() - (beside if width > room.width() else 0)
        self._panel.resize(width, max(height, _least_height(layout, width)))


def _least_height(layout: QLayout, width: int) -> int:
    """Return the least height of a layout of this width, where sentences wrap."""
    return (
        layout.minimumHeightForWidth(width) if layout.hasHeightForWidth() else layout.minimumSize().height()
    )
