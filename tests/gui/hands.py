"""Hands and eyes of a test: where to click, what stands where."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QImage, QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLabel, QWidget

from gui.window import MainWindow

# The stubs declare these static functions as methods.
_TEST: Any = QTest
_Kind = TypeVar("_Kind", bound=QWidget)
LEFT, NO_KEY, SHIFT, CONTROL = (
    Qt.MouseButton.LeftButton,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


def find(window: QWidget, kind: type[_Kind], name: str) -> _Kind:
    """Return the widget of a name."""
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def text_of(window: QWidget, name: str) -> str:
    return find(window, QLabel, name).text()


def spot(window: MainWindow, x_px: float, y_px: float) -> QPoint:
    """Return where a point of the image is on the view."""
    x, y = window.image.view.viewport_now.to_view(x_px, y_px)
    return QPoint(round(x), round(y))


def click_image(window: MainWindow, x_px: float, y_px: float, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    _TEST.mouseClick(window.image.view, LEFT, keys, spot(window, x_px, y_px))


def drag_image(
    window: MainWindow,
    start: tuple[float, float],
    end: tuple[float, float],
    keys: Qt.KeyboardModifier = NO_KEY,
) -> None:
    view = window.image.view
    _TEST.mousePress(view, LEFT, keys, spot(window, *start))
    for share in (0.3, 0.7, 1.0):
        at = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
        _TEST.mouseMove(view, spot(window, *at))
    _TEST.mouseRelease(view, LEFT, keys, spot(window, *end))


def press_image(window: MainWindow, x_px: float, y_px: float) -> None:
    """Put the mouse button down and leave it down."""
    _TEST.mousePress(window.image.view, LEFT, NO_KEY, spot(window, x_px, y_px))


def move_on_image(window: MainWindow, x_px: float, y_px: float, *, release: bool = False) -> None:
    """Move the mouse while its button is down, and let go of it where that is wanted."""
    _TEST.mouseMove(window.image.view, spot(window, x_px, y_px))
    if release:
        _TEST.mouseRelease(window.image.view, LEFT, NO_KEY, spot(window, x_px, y_px))


def type_text(widget: QWidget, text: str) -> None:
    """Type without selecting anything before, and without Return."""
    _TEST.keyClicks(widget, text)


def click(widget: QWidget, at: QPoint | None = None) -> None:
    _TEST.mouseClick(widget, LEFT, NO_KEY, widget.rect().center() if at is None else at)


def hold_down(widget: QWidget) -> None:
    _TEST.mousePress(widget, LEFT, NO_KEY, widget.rect().center())


def wheel(widget: QWidget, turn: int) -> None:
    """Turn the wheel over the middle of a widget; 120 is one notch."""
    middle = widget.rect().center()
    QApplication.sendEvent(
        widget,
        QWheelEvent(
            QPointF(middle),
            QPointF(widget.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, turn),
            Qt.MouseButton.NoButton,
            NO_KEY,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


def press(window: QWidget, key: Qt.Key, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    _TEST.keyClick(window, key, keys)


def retype(field: QWidget, text: str) -> None:
    """Select everything in a field, type and press Return."""
    _TEST.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    _TEST.keyClicks(field, text)
    _TEST.keyClick(field, Qt.Key.Key_Return)


def look(window: MainWindow, application: QApplication) -> None:
    """Let the window refresh everything that is visible."""
    window.refresh_soon()
    window.tick()
    application.processEvents()


def seen(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def until(window: MainWindow, application: QApplication, condition: Callable[[], bool]) -> None:
    """Let the window go on until something has come true."""
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.01)
        look(window, application)
