"""Beads: found, added, moved, removed, tracked."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.config import BeadRole
from magscope_app.messages.base import Message
from magscope_app.messages.vocabulary import Bead


@dataclass(frozen=True, slots=True)
class FindBeads(Message):
    """Tracking: look for beads in the newest frame.

    Attributes
    ----------
    preview : bool
        True: report also what is less certain, and put nothing on the list.
    """

    preview: bool = False


@dataclass(frozen=True, slots=True)
class BeadsFound(Message):
    """Centres (x_px, y_px, score) of the beads that were found, best first; `preview` as it was asked."""

    centres: tuple[tuple[float, float, float], ...]
    preview: bool = False


@dataclass(frozen=True, slots=True)
class AddBead(Message):
    """Add a bead whose ROI is centred here; it gets the next free id."""

    x_px: float
    y_px: float
    role: BeadRole = "tethered"


@dataclass(frozen=True, slots=True)
class MoveBead(Message):
    """Centre the ROI of a bead here."""

    bead_id: int
    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True)
class SetBeadRole(Message):
    """Say what a bead is for."""

    bead_id: int
    role: BeadRole


@dataclass(frozen=True, slots=True)
class RemoveBeads(Message):
    """Take beads off the list."""

    bead_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EditBeads(Message):
    """Change several beads at once, or none if one of them cannot be as asked.

    Attributes
    ----------
    put : tuple of Bead
        Added, or changed where the id exists.
    remove : tuple of int
        Taken off the list before the others are put.
    roi_px : int or None
        New side of every ROI; None leaves it.
    """

    put: tuple[Bead, ...] = ()
    remove: tuple[int, ...] = ()
    roi_px: int | None = None


@dataclass(frozen=True, slots=True)
class SelectBead(Message):
    """Tracking: write the radial profile of this bead to the live buffer (None: of none).

    `chosen` are all beads that are chosen in the window, for one that is opened again.
    """

    bead_id: int | None
    chosen: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BeadsChanged(Message):
    """The bead list as it is now, the side of the ROIs (0: not said), and the first id not used yet."""

    beads: tuple[Bead, ...]
    version: int
    roi_px: int = 0
    next_id: int = 0


@dataclass(frozen=True, slots=True)
class TrackingSpeed(Message):
    """How many frames per second tracking manages when it never waits for one."""

    fps: float
