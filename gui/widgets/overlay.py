"""What is drawn over the image: boxes, ids, tracked centres, age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PyQt6 import sip
from PyQt6.QtCore import QLineF, QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontInfo, QPainter, QPen

from gui.models.boxes import Boxes
from gui.models.candidates import Candidate
from gui.models.gestures import Band, Dragged
from gui.models.selection import Selection
from gui.models.viewport import Viewport
from gui.widgets.labels import Labels
from gui.widgets.shapes import fragments, lines, rectangles
from magscope_app.config import BeadRole

#: Colours on the image, which is grey in every theme.
TETHERED, REFERENCE, SELECTED, LOST = "#35c8ff", "#ffd23f", "#7dff6a", "#ff5a4d"
CANDIDATE = "#ff9df2"
#: Boxes smaller than this on the screen have no id, which would cover them, unless they are chosen.
_MIN_SIDE_FOR_ID = 20.0
#: Half the length of a cross's lines on the screen.
_ARM = 3.0
#: Height of the ids: at most so much of a box, but still to be read.
_LABEL_SHARE, _LEAST_LABEL_PX = 0.4, 9
#: How much of what is old is seen, of 255.
_OLD_ALPHA = 80


@dataclass(frozen=True, slots=True)
class Prepared:
    """Boxes by pen, and labels, ready for the painter."""

    boxes: list[tuple[QPen, sip.array[QRectF | None]]]
    labels: sip.array[QPainter.PixmapFragment | None]


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
    is_old : bool
        True where the tracked centres are old: they are drawn dimmed.
    stamp : tuple
        Changes with centres and roles.
    labels : Labels
        Pictures of the ids.
    prepared, crosses
        What was drawn last, each with what it was made from.
    """

    boxes: Boxes = field(default_factory=Boxes)
    roles: Mapping[int, BeadRole] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    centres: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    pending: tuple[tuple[float, float], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    roi_px: int = 64
    is_old: bool = False
    stamp: tuple[object, ...] = ()
    labels: Labels = field(default_factory=Labels)
    prepared: tuple[tuple[object, ...], Prepared] | None = None
    crosses: tuple[tuple[object, ...], sip.array[QLineF | None]] | None = None


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
    painter.setFont(_font_of_labels(painter.font(), overlay.roi_px * viewport.scale))
    overlay.labels.begin(painter, ratio)
    prepared = _prepared(overlay, viewport, dragged, ratio)
    for box_pen, boxes in prepared.boxes:
        painter.setPen(box_pen)
        painter.drawRects(boxes)
    if len(prepared.labels):
        painter.drawPixmapFragments(prepared.labels, overlay.labels.picture)
    _draw_pending(painter, overlay, viewport)
    _draw_candidates(painter, overlay, viewport, ratio)
    crosses = _crosses(overlay, viewport)
    if len(crosses):
        colour = QColor(SELECTED)
        colour.setAlpha(_OLD_ALPHA if overlay.is_old else 255)
        painter.setPen(QPen(colour, 1))
        painter.drawLines(crosses)


def _font_of_labels(font: QFont, side: float) -> QFont:
    """Return a font with which the number of a bead leaves most of its box free."""
    made = QFont(font)
    largest = max(_LEAST_LABEL_PX, round(_LABEL_SHARE * side))
    made.setPixelSize(min(QFontInfo(font).pixelSize(), largest))
    return made


def _prepared(overlay: Overlay, viewport: Viewport, dragged: Dragged | None, ratio: float) -> Prepared:
    """Return boxes and labels, made anew only when they change: images and rows come oftener."""
    lost = frozenset(overlay.centres[~np.isfinite(overlay.centres[:, 1]), 0].astype(np.int64).tolist())
    made_for = (
        viewport,
        dragged,
        overlay.boxes.version,
        overlay.selection,
        overlay.roles,
        lost,
        ratio,
        overlay.labels.made,
    )
    if overlay.prepared is None or overlay.prepared[0] != made_for:
        made = _prepare(overlay, _frames(overlay, viewport, dragged), lost, ratio)
        overlay.prepared = (*made_for[:-1], overlay.labels.made), made
    return overlay.prepared[1]


def _prepare(
    overlay: Overlay, frames: npt.NDArray[np.float64], lost: frozenset[int], ratio: float
) -> Prepared:
    ids = overlay.boxes.ids.tolist()
    colours = _colours(overlay, lost)
    of_pen: dict[tuple[str, int], list[int]] = {}
    for index, (bead_id, colour) in enumerate(zip(ids, colours, strict=True)):
        of_pen.setdefault((colour, 2 if bead_id == overlay.selection.shown else 1), []).append(index)
    boxes = [
        (QPen(QColor(colour), width), rectangles(frames[members]))
        for (colour, width), members in of_pen.items()
    ]
    wide = frames[:, 2] >= _MIN_SIDE_FOR_ID
    named = np.flatnonzero(wide | np.array([colour == SELECTED for colour in colours], np.bool_))
    sources = overlay.labels.places([(str(ids[i]), colours[i]) for i in named.tolist()])
    return Prepared(boxes, fragments(frames[named, :2] + 1.0, sources, ratio))


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


def _colours(overlay: Overlay, lost: frozenset[int]) -> list[str]:
    """Return the colour of every box: chosen, lost, or by what the bead is for."""
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


def _draw_candidates(painter: QPainter, overlay: Overlay, viewport: Viewport, ratio: float) -> None:
    if not overlay.candidates:
        return
    found = np.array(overlay.candidates)
    boxes = _squares(found, overlay, viewport)
    painter.setPen(QPen(QColor(CANDIDATE), 2, Qt.PenStyle.DashLine))
    painter.drawRects(rectangles(boxes))
    sources = overlay.labels.places([(f"{score:.2f}", CANDIDATE) for score in found[:, 2].tolist()])
    painter.drawPixmapFragments(fragments(boxes[:, :2], sources, ratio), overlay.labels.picture)


def _squares(
    centres: npt.NDArray[np.float64], overlay: Overlay, viewport: Viewport
) -> npt.NDArray[np.float64]:
    """Return left, top, width and height on the screen of new ROIs around points (n, 2 or more)."""
    side = np.full(len(centres), overlay.roi_px * viewport.scale)
    x, y = viewport.to_view_all(centres[:, 0], centres[:, 1])
    return np.column_stack((x - side / 2, y - side / 2, side, side))


def _draw_pending(painter: QPainter, overlay: Overlay, viewport: Viewport) -> None:
    if overlay.pending:
        painter.setPen(QPen(QColor(SELECTED), 1, Qt.PenStyle.DashLine))
        painter.drawRects(rectangles(_squares(np.array(overlay.pending), overlay, viewport)))


def _crosses(overlay: Overlay, viewport: Viewport) -> sip.array[QLineF | None]:
    """Return the two lines of the cross at every tracked centre; the same ones until new rows come."""
    made_for = viewport, overlay.stamp
    if overlay.crosses is None or overlay.crosses[0] != made_for:
        seen = overlay.centres[np.isfinite(overlay.centres).all(axis=1)]
        x, y = viewport.to_view_all(seen[:, 1], seen[:, 2])
        ends = (x - _ARM, y, x + _ARM, y), (x, y - _ARM, x, y + _ARM)
        overlay.crosses = made_for, lines(np.hstack([np.column_stack(end) for end in ends]).reshape(-1, 4))
    return overlay.crosses[1]


def draw_stale(painter: QPainter, area: QRect, text: str) -> None:
    """Dim the image and say why."""
    painter.fillRect(area, QColor(0, 0, 0, 150))
    font = painter.font()
    font.setPixelSize(26)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(REFERENCE))
    painter.drawText(QRectF(area), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
