"""Beads that were found and are to be looked at before they go on the list."""

from __future__ import annotations

import math
from collections.abc import Iterable

from magscope_app.messages import Bead

#: x_px, y_px, score.
Candidate = tuple[float, float, float]


def new_candidates(
    found: Iterable[Candidate], lowest_score: float, beads: Iterable[Bead], roi_px: int
) -> tuple[Candidate, ...]:
    """Return what scores well enough and is no bead of the list yet, best first.

    Parameters
    ----------
    found : iterable of (x_px, y_px, score)
        From BeadsFound.
    lowest_score : float
        0 to 1.
    beads : iterable of Bead
        The list; what is nearer than half a ROI to one of them is that bead.
    roi_px : int
        Side of the ROIs.
    """
    known = [(bead.x_px, bead.y_px) for bead in beads]
    return tuple(
        (x_px, y_px, score)
        for x_px, y_px, score in found
        if score >= lowest_score and all(math.hypot(x_px - x, y_px - y) >= roi_px / 2 for x, y in known)
    )


def in_reading_order(places: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the places row by row, as a page is read: the order of the numbers."""
    return tuple(sorted(places, key=lambda place: (place[1], place[0])))


def renumbered(beads: Iterable[Bead]) -> tuple[Bead, ...]:
    """Return the beads with the numbers 0, 1, 2 … from top to bottom."""
    ordered = sorted(beads, key=lambda bead: (bead.y_px, bead.x_px))
    return tuple(Bead(number, bead.x_px, bead.y_px, bead.role) for number, bead in enumerate(ordered))
