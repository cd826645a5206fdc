"""From what a computer can do to how many beads a camera may have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """What one part of the line would allow.

    Attributes
    ----------
    part : str
        What it is.
    share : float
        How much of what it can do the camera needs; above 1 it cannot.
    """

    part: str
    share: float


def frame_cost(few: tuple[int, float], many: tuple[int, float]) -> tuple[float, float]:
    """Return seconds per frame, and per bead in it, from two runs.

    Parameters
    ----------
    few, many : tuple
        Number of beads and frames per second of each run.
    """
    (n_few, fps_few), (n_many, fps_many) = few, many
    if n_many <= n_few:
        return 0.0, 1.0 / (fps_few * max(1, n_few))
    per_bead_s = max(1e-9, (1.0 / fps_many - 1.0 / fps_few) / (n_many - n_few))
    return max(0.0, 1.0 / fps_few - n_few * per_bead_s), per_bead_s


def most_beads(cost: tuple[float, float], fps: float) -> int:
    """Return how many beads can be tracked at a frame rate; 0 where not even empty frames can."""
    per_frame_s, per_bead_s = cost
    return max(0, int((1.0 / fps - per_frame_s) / per_bead_s))


def first_limit(limits: list[Limit]) -> Limit:
    """Return the part that gives way first."""
    return max(limits, key=lambda limit: limit.share)
