"""What is drawn over the image: boxes, ids, tracked centres, age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QLineF, QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from gui.models.boxes import Boxes
from gui.models.candidates import Candidate
from gui.models.gestures import Band, Dragged
from gui.models.selection import Selection
from gui.models.viewport import Viewport
from magscope_app.config import BeadRole

#: Colours on the image, which is grey in every theme.
TETHERED, REFERENCE, SELECTED, LOST = "#35c8ff", "#ffd23f", "#7dff6a", "#ff5a4d"
CANDIDATE = "#ff9df2"
_SHADOW = QColor(0, 0, 0, 160)
#: Boxes smaller than this on the screen have no id beside them.
_MIN_SIDE_FOR_ID = 14.0


@dataclass(slots=True)
class Overlay:
    """What lies over the image.

    Attributes
    ----------
    boxes : Boxes
        All ROIs.
    roles : mapping
        What each bead is for.
    selection : Selection
        The beads that are drawn bright; the one that is shown is drawn boldest.
    centres : ndarray (n, 3)
        bead id, x_px, y_px as tracked; NaN where the bead was not found.
    pending : tuple of points
        Beads that were asked for and are not there yet.
    candidates : tuple of (x_px, y_px, score)
        What a search has found and is not on the list.
    roi_px : int
        Side of a new ROI.
    """

    boxes: Boxes = field(default_factory=Boxes)
    roles: Mapping[int, BeadRole] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    centres: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    pending: tuple[tuple[float, float], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    roi_px: int = 64


def draw_overlay(painter: QPainter, overlay: Overlay, viewport: Viewport, dragged: Dragged | None) -> None:
    """Draw boxes, ids and tracked centres; the box being dragged where the mouse has it."""
    lost = {int(bead_id) for bead_id, x_px, _ in overlay.centres if not np.isfinite(x_px)}
    for bead_id, (x0, x1, y0, y1) in zip(
        overlay.boxes.ids.tolist(), overlay.boxes.rois.tolist(), strict=True
    ):
        if dragged is not None and bead_id in dragged.bead_ids:
            dx, dy = dragged.dx_px, dragged.dy_px
            x0, x1, y0, y1 = x0 + dx, x1 + dx, y0 + dy, y1 + dy
        left, top = viewport.to_view(x0 - 0.5, y0 - 0.5)
        box = QRectF(left, top, (x1 - x0) * viewport.scale, (y1 - y0) * viewport.scale)
        chosen = bead_id in overlay.selection.chosen
        role = REFERENCE if overlay.roles.get(bead_id) == "reference" else TETHERED
        colour = SELECTED if chosen else LOST if bead_id in lost else role
        painter.setPen(QPen(QColor(colour), 2 if bead_id == overlay.selection.shown else 1))
        painter.drawRect(box)
        _draw_id(painter, box, str(bead_id), chosen)
    _draw_pending(painter, overlay, viewport)
    _draw_candidates(painter, overlay, viewport)
    _draw_centres(painter, overlay, viewport)


def draw_band(painter: QPainter, band: Band, viewport: Viewport) -> None:
    """Draw the rectangle that chooses."""
    left, top = viewport.to_view(band[0], band[1])
    right, bottom = viewport.to_view(band[2], band[3])
    painter.setPen(QPen(QColor(SELECTED), 1, Qt.PenStyle.DashLine))
    painter.drawRect(QRectF(left, top, right - left, bottom - top))


def _draw_candidates(painter: QPainter, overlay: Overlay, viewport: Viewport) -> None:
    painter.setPen(QPen(QColor(CANDIDATE), 2, Qt.PenStyle.DashLine))
    side = overlay.roi_px * viewport.scale
    for x_px, y_px, score in overlay.candidates:
        x, y = viewport.to_view(x_px, y_px)
        box = QRectF(x - side / 2, y - side / 2, side, side)
        painter.drawRect(box)
        _draw_id(painter, box, f"{score:.2f}", chosen=True)


def _draw_id(painter: QPainter, box: QRectF, text: str, chosen: bool) -> None:
    if box.width() < _MIN_SIDE_FOR_ID and not chosen:
        return
    metrics = painter.fontMetrics()
    label = QRectF(box.left() + 1, box.top() + 1, metrics.horizontalAdvance(text) + 5, metrics.height())
    painter.fillRect(label, _SHADOW)
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)


def _draw_pending(painter: QPainter, overlay: Overlay, viewport: Viewport) -> None:
    painter.setPen(QPen(QColor(SELECTED), 1, Qt.PenStyle.DashLine))
    side = overlay.roi_px * viewport.scale
    for x_px, y_px in overlay.pending:
        x, y = viewport.to_view(x_px, y_px)
        painter.drawRect(QRectF(x - side / 2, y - side / 2, side, side))


def _draw_centres(painter: QPainter, overlay: Overlay, viewport: Viewport) -> None:
    painter.setPen(QPen(QColor(SELECTED), 1))
    lines: list[QLineF] = []
    for _, x_px, y_px in overlay.centres[np.isfinite(overlay.centres).all(axis=1)].tolist():
        x, y = viewport.to_view(x_px, y_px)
        lines += [QLineF(x - 3, y, x + 3, y), QLineF(x, y - 3, x, y + 3)]
    if lines:
        painter.drawLines(*lines)


def draw_stale(painter: QPainter, area: QRect, text: str) -> None:
    """Dim the image and say why."""
    painter.fillRect(area, QColor(0, 0, 0, 150))
    font = painter.font()
    font.setPixelSize(26)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(REFERENCE))
    painter.drawText(QRectF(area), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
