"""Beads: found, added, moved, removed, tracked."""

from __future__ import annotations

from dataclasses import dataclass

from magscope_app.config import BeadRole
from magscope_app.messages.base import Message
from magscope_app.messages.vocabulary import Bead


@dataclass(frozen=True, slots=True)
class FindBeads(Message):
    """Tracking: look for beads in the newest frame."""


@dataclass(frozen=True, slots=True)
class BeadsFound(Message):
    """Centres (x_px, y_px, score) of the beads that were found, best first."""

    centres: tuple[tuple[float, float, float], ...]


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
class SelectBead(Message):
    """Tracking: write the radial profile of this bead to the live buffer (None: of none)."""

    bead_id: int | None


@dataclass(frozen=True, slots=True)
class BeadsChanged(Message):
    """The bead list as it is now."""

    beads: tuple[Bead, ...]
    version: int


@dataclass(frozen=True, slots=True)
class TrackingSpeed(Message):
    """How many frames per second tracking manages when it never waits for one."""

    fps: float
