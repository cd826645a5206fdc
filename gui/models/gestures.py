"""What pressing, moving and releasing the mouse on the image means."""

from __future__ import annotations

from dataclasses import dataclass

from gui.models.boxes import Boxes

Point = tuple[float, float]


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
class PlaceAt:
    """Move a bead's ROI here (image coordinates of its centre)."""

    bead_id: int
    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True)
class Pan:
    """Move the image by so many screen pixels."""

    dx: float
    dy: float


Action = AddAt | Choose | PlaceAt | Pan


@dataclass(slots=True)
class _Press:
    view: Point
    last: Point
    image: Point
    adds: bool
    bead_id: int | None
    grips: bool
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Dragged:
    """A box on its way: the bead and where its centre would be if released now."""

    bead_id: int
    x_px: float
    y_px: float


class Gestures:
    """Turns a press, its moves and its release into one action.

    A click selects the bead under it. Only the box of the selected bead can be dragged, so that panning
    over a crowded field moves no bead by accident. A click that adds (tool or Shift) adds where there is no
    bead and selects where there is one. Anything else that is dragged moves the image. A click beside all
    beads changes nothing: traces do not go blank by accident.

    Parameters
    ----------
    threshold : float
        Screen pixels that a press must move to become a drag.
    """

    def __init__(self, threshold: float = 6.0) -> None:
        self._threshold = threshold
        self._press: _Press | None = None
        self._dragged: Dragged | None = None

    @property
    def dragged(self) -> Dragged | None:
        """The box that is being dragged."""
        return self._dragged

    def press(self, view: Point, image: Point, boxes: Boxes, selected: int | None, *, adds: bool) -> None:
        """Begin: the mouse went down at `view` (screen) and `image` (image coordinates)."""
        bead_id = boxes.at(*image, preferred=selected)
        grips = bead_id is not None and bead_id == selected and not adds
        self._press = _Press(view, view, image, adds, bead_id, grips)
        self._dragged = None

    def move(self, view: Point, image: Point, boxes: Boxes) -> Pan | None:
        """Follow the mouse; returns a Pan when the image moves."""
        press = self._press
        if press is None:
            return None
        far = max(abs(view[0] - press.view[0]), abs(view[1] - press.view[1])) >= self._threshold
        if not press.moved and not far:
            return None
        press.moved = True
        if press.grips and press.bead_id is not None:
            centre = boxes.centre(press.bead_id)
            if centre is not None:
                x_px = centre[0] + image[0] - press.image[0]
                y_px = centre[1] + image[1] - press.image[1]
                self._dragged = Dragged(press.bead_id, x_px, y_px)
            return None
        pan = Pan(view[0] - press.last[0], view[1] - press.last[1])
        press.last = view
        return pan

    def release(self) -> Action | None:
        """End; returns what was meant."""
        press, dragged = self._press, self._dragged
        self.cancel()
        if press is None:
            return None
        if dragged is not None:
            return PlaceAt(dragged.bead_id, dragged.x_px, dragged.y_px)
        if press.moved:
            return None
        if press.adds and press.bead_id is None:
            return AddAt(*press.image)
        return None if press.bead_id is None else Choose(press.bead_id)

    def cancel(self) -> None:
        """Forget the press; a box that was being dragged stays where it was."""
        self._press = None
        self._dragged = None
