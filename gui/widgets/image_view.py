"""The live image with its ROI boxes: draws, and turns the mouse into actions."""

from __future__ import annotations

from typing import Any, cast

import numpy.typing as npt
from PyQt6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from gui.models.boxes import Boxes
from gui.models.display import Display
from gui.models.gestures import AddAt, Choose, ChooseIn, Gestures, MoveBy, Pan, Toggle
from gui.models.picture import render
from gui.models.viewport import Viewport
from gui.widgets.overlay import Overlay, draw_band, draw_overlay, draw_stale

_STEP = 1.25
#: Beside the image, in every theme.
_GROUND = QColor("#0b0c0e")
#: Arrow keys move the chosen boxes by one pixel, with Shift by ten.
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class ImageView(QWidget):
    """Shows the newest frame; wheel zooms, dragging moves the image, clicks select or add.

    Only the pixels on the screen are computed, whatever the size of the frame.
    """

    bead_chosen = pyqtSignal(int)
    bead_added = pyqtSignal(float, float)
    #: A bead is to be chosen besides the others, or no longer.
    bead_toggled = pyqtSignal(int)
    #: Beads inside the band that was drawn, besides those that are chosen.
    beads_banded = pyqtSignal(tuple)
    #: The chosen beads are to move by so many image pixels.
    beads_moved = pyqtSignal(frozenset, float, float)
    #: Image coordinates and grey level under the mouse, or None.
    hovered = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("image.view")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 150)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.overlay = Overlay()
        self.stale_text = ""
        self._adds = False
        self._bits = 8
        self.display = Display()
        self._image: npt.NDArray[Any] | None = None
        self._viewport = Viewport()
        self._fitted = True
        self._gestures = Gestures()
        self._pan_from: QPointF | None = None

    def sizeHint(self) -> QSize:
        """Ask for most of the window."""
        return QSize(1000, 900)

    # --- what is shown -----------------------------------------------------------------------

    def show_image(self, image: npt.NDArray[Any], bits: int) -> None:
        """Show a frame (height, width)."""
        new_shape = self._image is None or self._image.shape != image.shape
        self._image, self._bits = image, bits
        if new_shape and self._fitted:
            self.fit()

    def update_levels(self) -> None:
        """Adapt black and white to the frame, where that is wanted."""
        if self._image is not None:
            self.display.adapt(self._image, self._bits)
            self.update()

    def set_adding(self, on: bool) -> None:
        """Let clicks add beads."""
        self._adds = on
        self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    # --- zoom --------------------------------------------------------------------------------

    @property
    def viewport_now(self) -> Viewport:
        """Maps the widget to the image."""
        return self._viewport

    def fit(self) -> None:
        """Show the whole image."""
        self._fitted = True
        if self._image is not None:
            self._viewport = Viewport.fitting(self._image_size(), (self.width(), self.height()))
            self.update()

    def zoom(self, steps: float, at: QPointF | None = None) -> None:
        """Enlarge by so many steps, around a point of the widget or its middle."""
        if self._image is None:
            return
        view = self.width(), self.height()
        point = at if at is not None else QPointF(view[0] / 2, view[1] / 2)
        smallest = Viewport.fitting(self._image_size(), view).scale
        wanted = self._viewport.zoomed(_STEP**steps, point.x(), point.y(), smallest)
        if wanted.scale <= smallest:
            self.fit()
            return
        self._fitted = False
        self._viewport = wanted.within(self._image_size(), view)
        self.update()

    def _image_size(self) -> tuple[int, int]:
        assert self._image is not None
        return self._image.shape[1], self._image.shape[0]

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: ARG002 - Qt's signature
        """Keep the whole image in view while it was."""
        if self._fitted:
            self.fit()

    # --- drawing -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002 - Qt's signature
        """Draw the visible pixels, the boxes and, over an old image, how old it is."""
        painter = QPainter(self)
        beside = QRegion(self.rect())
        if self._image is not None:
            beside -= self._draw_image(painter, self._image, self.display.table(self._image, self._bits))
        if not beside.isEmpty():
            painter.setClipRegion(beside)
            painter.fillRect(self.rect(), _GROUND)
            painter.setClipping(False)
        if self._image is not None:
            draw_overlay(
                painter, self.overlay, self._viewport, self._gestures.dragged, self.devicePixelRatioF()
            )
            if self._gestures.band is not None:
                draw_band(painter, self._gestures.band, self._viewport)
        if self.stale_text:
            draw_stale(painter, self.rect(), self.stale_text)
        painter.end()

    def _draw_image(self, painter: QPainter, image: npt.NDArray[Any], table: npt.NDArray[Any]) -> QRegion:
        """Draw what is visible of a frame; return where it is."""
        ratio = self.devicePixelRatioF()
        viewport = Viewport(self._viewport.scale * ratio, self._viewport.left_px, self._viewport.top_px)
        patch = render(image, table, viewport, (round(self.width() * ratio), round(self.height() * ratio)))
        if patch is None:
            return QRegion()
        height, width = patch.pixels.shape
        # Qt takes any buffer; its type stubs know only bytes.
        data = cast("bytes", patch.pixels.data)
        pixels = QImage(data, width, height, 4 * width, QImage.Format.Format_RGB32)
        pixels.setDevicePixelRatio(ratio)
        place = QRectF(patch.x / ratio, patch.y / ratio, width / ratio, height / ratio)
        if place != QRectF(place.toRect()):
            painter.fillRect(place.toAlignedRect(), _GROUND)
        painter.drawImage(place.topLeft(), pixels)
        return QRegion(place.toAlignedRect())

    # --- mouse -------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Zoom around the mouse."""
        if event is not None:
            self.zoom(event.angleDelta().y() / 120, event.position())
            event.accept()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a click or a drag."""
        if event is None or self._image is None:
            return
        at = event.position()
        if event.button() == Qt.MouseButton.LeftButton:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            image = self._viewport.to_image(at.x(), at.y())
            overlay, adds = self.overlay, self._adds or shift
            self._gestures.press(
                (at.x(), at.y()), image, overlay.boxes, overlay.selection, adds=adds, many=control
            )
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._pan_from = at

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow a drag; tell what is under the mouse."""
        if event is None or self._image is None:
            return
        at = event.position()
        image = self._viewport.to_image(at.x(), at.y())
        if self._pan_from is not None:
            self._pan(Pan(at.x() - self._pan_from.x(), at.y() - self._pan_from.y()))
            self._pan_from = at
        pan = self._gestures.move((at.x(), at.y()), image)
        if pan is not None:
            self._pan(pan)
        elif self._gestures.dragged is not None or self._gestures.band is not None:
            self.update()
        self.hovered.emit(self._under(image))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Carry out what the gesture meant."""
        if event is None:
            return
        if event.button() == Qt.MouseButton.MiddleButton:
            self._pan_from = None
        if event.button() != Qt.MouseButton.LeftButton:
            return
        match self._gestures.release():
            case AddAt(x_px, y_px) if self._under((x_px, y_px)) is not None:
                self.overlay.pending = (*self.overlay.pending, (x_px, y_px))
                self.bead_added.emit(x_px, y_px)
            case Choose(bead_id):
                self.bead_chosen.emit(bead_id)
            case Toggle(bead_id):
                self.bead_toggled.emit(bead_id)
            case MoveBy(bead_ids, dx_px, dy_px):
                self.beads_moved.emit(bead_ids, dx_px, dy_px)
            case ChooseIn(band):
                self.beads_banded.emit(self.overlay.boxes.inside(band))
            case _:
                pass
        self.update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move the chosen boxes with the arrow keys."""
        if event is None:
            return
        key = Qt.Key(event.key())
        if key not in _ARROWS:
            super().keyPressEvent(event)
            return
        step = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        dx, dy = _ARROWS[key]
        self.beads_moved.emit(self.overlay.selection.chosen, float(step * dx), float(step * dy))

    def cancel_gesture(self) -> None:
        """Forget what the mouse has begun; boxes that were being dragged stay where they were."""
        self._gestures.cancel()
        self.update()

    def _pan(self, pan: Pan) -> None:
        self._fitted = False
        moved = self._viewport.panned(pan.dx, pan.dy)
        self._viewport = moved.within(self._image_size(), (self.width(), self.height()))
        self.update()

    def _under(self, at: tuple[float, float]) -> tuple[float, float, int] | None:
        """Return column, row and grey level at a point of the image, None beside it."""
        if self._image is None:
            return None
        column, row = round(at[0]), round(at[1])
        if not (0 <= row < self._image.shape[0] and 0 <= column < self._image.shape[1]):
            return None
        return at[0], at[1], int(self._image[row, column])

    def bead_at(self, at: QPoint) -> int | None:
        """Return the bead whose box is under a point of the widget."""
        return self.overlay.boxes.at(*self._viewport.to_image(at.x(), at.y()), self.overlay.selection.shown)

    def set_boxes(self, boxes: Boxes) -> None:
        """Show these ROIs; beads that were asked for are no longer pending."""
        if boxes.version != self.overlay.boxes.version:
            self.overlay.pending = ()
        self.overlay.boxes = boxes
