"""Icons as a few strokes on a 16 × 16 grid, in the colour of the text."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

Stroke = tuple[tuple[float, float], ...]
_SIZE = 16
_DETAIL = 4

_STROKES: dict[str, tuple[Stroke, ...]] = {
    "image": (((2, 3), (14, 3), (14, 13), (2, 13), (2, 3)), ((2, 11), (6, 7), (9, 10), (11, 8), (14, 11))),
    "traces": (((2, 2), (2, 14), (14, 14)), ((3, 10), (5, 6), (7, 11), (9, 4), (11, 9), (14, 6))),
    "profile": (((2, 2), (2, 14), (14, 14)), ((3, 12), (5, 4), (7, 10), (9, 7), (11, 9), (14, 8))),
    "beads": (((2, 4), (14, 4)), ((2, 8), (14, 8)), ((2, 12), (14, 12)), ((5, 2), (5, 14))),
    "camera": (((2, 5), (5, 5), (6, 3), (10, 3), (11, 5), (14, 5), (14, 13), (2, 13), (2, 5)),),
    "motors": (((8, 1), (8, 15)), ((5, 4), (8, 1), (11, 4)), ((5, 12), (8, 15), (11, 12)), ((3, 8), (13, 8))),
    "recording": (((2, 2), (14, 2), (14, 14), (2, 14), (2, 2)),),
    "calibration": (
        ((2, 14), (14, 14)),
        ((4, 11), (12, 11)),
        ((5, 8), (11, 8)),
        ((6, 5), (10, 5)),
        ((8, 1), (8, 14)),
    ),
    "log": (
        ((3, 2), (13, 2), (13, 14), (3, 14), (3, 2)),
        ((5, 5), (11, 5)),
        ((5, 8), (11, 8)),
        ((5, 11), (9, 11)),
    ),
    "system": (
        ((2, 13), (2, 9), (5, 9), (5, 13)),
        ((6, 13), (6, 5), (9, 5), (9, 13)),
        ((10, 13), (10, 2), (13, 2), (13, 13)),
    ),
    "find": (
        ((8, 1), (8, 4)),
        ((8, 12), (8, 15)),
        ((1, 8), (4, 8)),
        ((12, 8), (15, 8)),
        ((7.5, 8), (8.5, 8)),
    ),
    "lut": (
        ((2, 2), (14, 2), (14, 14), (2, 14), (2, 2)),
        ((3, 8), (8, 5), (13, 8)),
        ((3, 11), (8, 8), (13, 11)),
        ((5, 5), (8, 3.5), (11, 5)),
    ),
    "allan": (((2, 2), (2, 14), (14, 14)), ((4, 4), (8, 11), (10, 11), (13, 7))),
    "spectrum": (((2, 2), (2, 14), (14, 14)), ((3, 5), (7, 5), (9, 7), (13, 13))),
    "losses": (((2, 2), (2, 14), (14, 14)), ((3, 13), (6, 13), (6, 9), (9, 9), (9, 5), (13, 5))),
    "xy_lock": (((2, 8), (14, 8)), ((8, 2), (8, 14)), ((4, 4), (12, 4), (12, 12), (4, 12), (4, 4))),
    "z_lock": (((8, 1), (8, 5)), ((8, 11), (8, 15)), ((3, 5), (13, 5)), ((3, 11), (13, 11))),
    "drift": (((2, 2), (2, 14), (14, 14)), ((3, 12), (6, 10), (9, 9), (13, 4))),
    "force": (((8, 2), (8, 11)), ((5, 8), (8, 11), (11, 8)), ((3, 14), (13, 14))),
    "preferences": (
        ((2, 4), (14, 4)),
        ((2, 8), (14, 8)),
        ((2, 12), (14, 12)),
        ((10, 2.5), (10, 5.5)),
        ((5, 6.5), (5, 9.5)),
        ((11, 10.5), (11, 13.5)),
    ),
    "close": (((4, 4), (12, 12)), ((12, 4), (4, 12))),
    "float": (((3, 6), (10, 6), (10, 13), (3, 13), (3, 6)), ((6, 6), (6, 3), (13, 3), (13, 10), (10, 10))),
    "about": (((8, 7), (8, 12)), ((8, 4), (8, 4.6))),
    "search": (((10, 10), (14, 14)),),
    "add": (((8, 3), (8, 13)), ((3, 8), (13, 8))),
    "fit": (
        ((2, 6), (2, 2), (6, 2)),
        ((10, 2), (14, 2), (14, 6)),
        ((14, 10), (14, 14), (10, 14)),
        ((6, 14), (2, 14), (2, 10)),
    ),
    "zoom_in": (((10, 10), (14, 14)), ((6, 4), (6, 8)), ((4, 6), (8, 6))),
    "zoom_out": (((10, 10), (14, 14)), ((4, 6), (8, 6))),
    "contrast": (((8, 2), (8, 14)), ((9, 5), (12, 5)), ((9, 8), (13, 8)), ((9, 11), (12, 11))),
}
_CIRCLES: dict[str, tuple[float, float, float]] = {
    "camera": (8, 9, 2.5),
    "recording": (8, 8, 3),
    "zoom_in": (6, 6, 4.5),
    "find": (8, 8, 4.5),
    "about": (8, 8, 6.5),
    "search": (6, 6, 4.5),
    "zoom_out": (6, 6, 4.5),
    "contrast": (8, 8, 6),
}


def icon(name: str, colour: str) -> QIcon:
    """Return an icon.

    Parameters
    ----------
    name : str
        One of those above.
    colour : str
        Of the strokes, ``#rrggbb``.
    """
    pixmap = QPixmap(_SIZE * _DETAIL, _SIZE * _DETAIL)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(_DETAIL, _DETAIL)
    pen = QPen(QColor(colour), 1.4)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    for stroke in _STROKES[name]:
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in stroke]))
    if name in _CIRCLES:
        x, y, radius = _CIRCLES[name]
        painter.drawEllipse(QRectF(x - radius, y - radius, 2 * radius, 2 * radius))
    painter.end()
    return QIcon(pixmap)
