"""What is drawn over the image: boxes, ids, tracked centres, age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen, QPixmap

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
_MOST_LABELS = 20_000


class Labels:
    """Small pictures of texts, made once: drawing two hundred texts costs more than drawing the image."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], QPixmap] = {}
        self._made_for: tuple[str, float] = ("", 0.0)

    def begin(self, painter: QPainter, ratio: float) -> None:
        """Prepare to draw with the font of `painter` on a screen of this many pixels per point."""
        wanted = painter.font().key(), ratio
        if wanted != self._made_for or len(self._made) > _MOST_LABELS:
            self._made_for = wanted
            self._made.clear()
        self._font, self._metrics = painter.font(), painter.fontMetrics()

    def of(self, text: str, colour: str) -> QPixmap:
        """Return the picture of a text; `begin` comes first."""
        found = self._made.get((text, colour))
        if found is None:
            found = self._made[text, colour] = self._draw(text, colour)
        return found

    def _draw(self, text: str, colour: str) -> QPixmap:
        width, height = self._metrics.horizontalAdvance(text) + 5, self._metrics.height()
        ratio = self._made_for[1]
        label = QPixmap(round(width * ratio), round(height * ratio))
        label.setDevicePixelRatio(ratio)
        label.fill(_SHADOW)
        painter = QPainter(label)
        painter.setFont(self._font)
        painter.setPen(QColor(colour))
        painter.drawText(QRectF(0, 0, width, height), Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return label


@dataclass(frozen=True, slots=True)
class Prepared:
    """Boxes by colour and width of the pen, labels with their places, crosses."""

    boxes: dict[tuple[str, int], list[QRectF]]
    labels: list[tuple[QPointF, QPixmap]]
    crosses: list[QLineF]


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
    stamp : tuple
        Changes with centres and roles.
    labels : Labels
        Pictures of the ids.
    prepared : Prepared or None
        What was drawn last, and (`prepared_for`) from what it was made.
    """

    boxes: Boxes = field(default_factory=Boxes)
    roles: Mapping[int, BeadRole] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    centres: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    pending: tuple[tuple[float, float], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    roi_px: int = 64
    stamp: tuple[object, ...] = ()
    labels: Labels = field(default_factory=Labels)
    prepared: Prepared | None = None
    prepared_for: tuple[object, ...] = ()


def draw_overlay(
    painter: QPainter, overlay: Overlay, viewport: Viewport, dragged: Dragged | None, ratio: float = 1.0
) -> None:
    """Draw boxes, ids and tracked centres; the boxes being dragged where the mouse has them.

    Parameters
    ----------
    painter, overlay, viewport, dragged
        Where, what, and from where it is seen.
    ratio : float
        Pixels of the screen per point of the widget.
    """
    overlay.labels.begin(painter, ratio)
    key = (viewport, dragged, overlay.boxes.version, overlay.selection, overlay.stamp, ratio)
    if overlay.prepared is None or overlay.prepared_for != key:
        overlay.prepared, overlay.prepared_for = _prepare(overlay, viewport, dragged), key
    # All boxes of a colour at once, and labels drawn before: two hundred texts cost more than the image.
    for (colour, width), boxes in overlay.prepared.boxes.items():
        painter.setPen(QPen(QColor(colour), width))
        painter.drawRects(*boxes)
    for place, label in overlay.prepared.labels:
        painter.drawPixmap(place, label)
    _draw_pending(painter, overlay, viewport)
    _draw_candidates(painter, overlay, viewport)
    if overlay.prepared.crosses:
        painter.setPen(QPen(QColor(SELECTED), 1))
        painter.drawLines(*overlay.prepared.crosses)


def _prepare(overlay: Overlay, viewport: Viewport, dragged: Dragged | None) -> Prepared:
    """Make what is drawn; images come oftener than this changes."""
    made = Prepared({}, [], _crosses(overlay, viewport))
    frames = _frames(overlay, viewport, dragged)
    for bead_id, frame, colour in zip(
        overlay.boxes.ids.tolist(), frames.tolist(), _colours(overlay), strict=True
    ):
        width = 2 if bead_id == overlay.selection.shown else 1
        made.boxes.setdefault((colour, width), []).append(QRectF(*frame))
        if frame[2] >= _MIN_SIDE_FOR_ID or colour == SELECTED:
            place = QPointF(frame[0] + 1, frame[1] + 1)
            made.labels.append((place, overlay.labels.of(str(bead_id), colour)))
    return made


def _frames(overlay: Overlay, viewport: Viewport, dragged: Dragged | None) -> npt.NDArray[np.float64]:
    """Return left, top, width and height of every box on the screen (n, 4)."""
    x0, x1, y0, y1 = overlay.boxes.rois.T.copy()
    if dragged is not None:
        moved = np.isin(overlay.boxes.ids, list(dragged.bead_ids))
        x0[moved] += dragged.dx_px
        x1[moved] += dragged.dx_px
        y0[moved] += dragged.dy_px
        y1[moved] += dragged.dy_px
    left, top = viewport.to_view_all(x0 - 0.5, y0 - 0.5)
    return np.column_stack((left, top, (x1 - x0) * viewport.scale, (y1 - y0) * viewport.scale))


def _colours(overlay: Overlay) -> list[str]:
    """Return the colour of every box: chosen, lost, or by what the bead is for."""
    lost = set(overlay.centres[~np.isfinite(overlay.centres[:, 1]), 0].astype(np.int64).tolist())
    chosen, roles = overlay.selection.chosen, overlay.roles
    return [
        SELECTED
        if bead_id in chosen
        else LOST
        if bead_id in lost
        else REFERENCE
        if roles.get(bead_id) == "reference"
        else TETHERED
        for bead_id in overlay.boxes.ids.tolist()
    ]


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
        painter.drawPixmap(box.topLeft(), overlay.labels.of(f"{score:.2f}", CANDIDATE))


def _draw_pending(painter: QPainter, overlay: Overlay, viewport: Viewport) -> None:
    painter.setPen(QPen(QColor(SELECTED), 1, Qt.PenStyle.DashLine))
    side = overlay.roi_px * viewport.scale
    for x_px, y_px in overlay.pending:
        x, y = viewport.to_view(x_px, y_px)
        painter.drawRect(QRectF(x - side / 2, y - side / 2, side, side))


def _crosses(overlay: Overlay, viewport: Viewport) -> list[QLineF]:
    """Return the two lines of the cross at every tracked centre."""
    seen = overlay.centres[np.isfinite(overlay.centres).all(axis=1)]
    x, y = viewport.to_view_all(seen[:, 1], seen[:, 2])
    lines: list[QLineF] = []
    for x_view, y_view in zip(x.tolist(), y.tolist(), strict=True):
        lines.append(QLineF(x_view - 3, y_view, x_view + 3, y_view))
        lines.append(QLineF(x_view, y_view - 3, x_view, y_view + 3))
    return lines


def draw_stale(painter: QPainter, area: QRect, text: str) -> None:
    """Dim the image and say why."""
    painter.fillRect(area, QColor(0, 0, 0, 150))
    font = painter.font()
    font.setPixelSize(26)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(REFERENCE))
    painter.drawText(QRectF(area), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
