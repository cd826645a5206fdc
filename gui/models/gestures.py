"""What pressing, moving and releasing the mouse on the image means."""

from __future__ import annotations

from dataclasses import dataclass

from gui.models.boxes import Boxes
from gui.models.selection import Selection

Point = tuple[float, float]
#: Left, top, right, bottom in image coordinates.
Band = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class AddAt:
    """Add a bead here (image coordinates)."""

    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True)
class Choose:
    """Select this bead."""

    bead_id: int


@dataclass(frozen=True, slots=True)
class Toggle:
    """Choose this bead too, or no longer."""

    bead_id: int


@dataclass(frozen=True, slots=True)
class MoveBy:
    """Move these beads by so many image pixels."""

    bead_ids: frozenset[int]
    dx_px: float
    dy_px: float


@dataclass(frozen=True, slots=True)
class ChooseIn:
    """Choose the beads whose centres lie in a rectangle of the image, besides those chosen already."""

    band: Band


@dataclass(frozen=True, slots=True)
class Pan:
    """Move the image by so many screen pixels."""

    dx: float
    dy: float


Action = AddAt | Choose | Toggle | MoveBy | ChooseIn | Pan


@dataclass(slots=True)
class _Press:
    view: Point
    last: Point
    image: Point
    adds: bool
    many: bool
    bead_id: int | None
    grips: bool
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Dragged:
    """Boxes on their way: the beads and how far they would move if released now."""

    bead_ids: frozenset[int]
    dx_px: float
    dy_px: float


class Gestures:
    """Turns a press, its moves and its release into one action.

    A click selects the bead under it; with Ctrl it is chosen besides the others, and dragging with Ctrl draws
    a band that chooses what is inside. Only the boxes of chosen beads can be dragged, all together, so that
    panning over a crowded field moves no bead by accident. A click that adds (tool or Shift) adds where there
    is no bead and selects where there is one. Anything else that is dragged moves the image. A click beside
    all beads changes nothing: traces do not go blank by accident.

    Parameters
    ----------
    threshold : float
        Screen pixels that a press must move to become a drag.
    """

    def __init__(self, threshold: float = 6.0) -> None:
        self._threshold = threshold
        self._press: _Press | None = None
        self._dragged: Dragged | None = None
        self._band: Band | None = None
        self._chosen: frozenset[int] = frozenset()

    @property
    def dragged(self) -> Dragged | None:
        """The boxes that are being dragged."""
        return self._dragged

    @property
    def band(self) -> Band | None:
        """The rectangle that is being drawn, in image coordinates."""
        return self._band

    def press(
        self,
        view: Point,
        image: Point,
        boxes: Boxes,
        selection: Selection,
        *,
        adds: bool,
        many: bool = False,
    ) -> None:
        """Begin: the mouse went down at `view` (screen) and `image` (image coordinates)."""
        bead_id = boxes.at(*image, preferred=selection.shown)
        grips = bead_id is not None and bead_id in selection.chosen and not adds and not many
        self._chosen = selection.chosen
        self._press = _Press(view, view, image, adds, many, bead_id, grips)
        self._dragged = self._band = None

    def move(self, view: Point, image: Point) -> Pan | None:
        """Follow the mouse; returns a Pan when the image moves."""
        press = self._press
        if press is None:
            return None
        far = max(abs(view[0] - press.view[0]), abs(view[1] - press.view[1])) >= self._threshold
        if not press.moved and not far:
            return None
        press.moved = True
        if press.grips:
            self._dragged = Dragged(self._chosen, image[0] - press.image[0], image[1] - press.image[1])
            return None
        if press.many:
            (x0, x1), (y0, y1) = sorted((press.image[0], image[0])), sorted((press.image[1], image[1]))
            self._band = x0, y0, x1, y1
            return None
        pan = Pan(view[0] - press.last[0], view[1] - press.last[1])
        press.last = view
        return pan

    def release(self) -> Action | None:
        """End; returns what was meant."""
        press, dragged, band = self._press, self._dragged, self._band
        self.cancel()
        if press is None:
            return None
        if dragged is not None:
            return MoveBy(dragged.bead_ids, dragged.dx_px, dragged.dy_px)
        if band is not None:
            return ChooseIn(band)
        if press.moved:
            return None
        if press.adds and press.bead_id is None:
            return AddAt(*press.image)
        if press.bead_id is None:
            return None
        return Toggle(press.bead_id) if press.many else Choose(press.bead_id)

    def cancel(self) -> None:
        """Forget the press; boxes that were being dragged stay where they were."""
        self._press = None
        self._dragged = self._band = None
