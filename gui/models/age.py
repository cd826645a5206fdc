"""From which age on something is old."""

from __future__ import annotations

#: Positions of axes come many times a second, moving or not.
MOTOR_STALE_S = 1.0


def stale_after_s(fps: float) -> float:
    """Return from which age on images and rows are old: a second, or more where the camera is slow."""
    return max(1.0, 2.5 / fps)
