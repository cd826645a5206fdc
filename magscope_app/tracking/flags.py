"""Why a number is missing or should be doubted: one bit per reason."""

from __future__ import annotations

from enum import IntFlag


class TrackFlag(IntFlag):
    """Reasons in `Tracks.flags` (uint8); 0 means nothing is known against the position.

    Attributes
    ----------
    LOST
        No radially symmetric bead was seen: x, y and z are NaN.
    AT_EDGE
        With LOST: what is seen lies at the edge of the ROI, as when the bead is about to leave it or has left
        it. Alone: less than half of its profile fits between its centre and the edge, or fewer than 7 radii,
        and z is NaN; the fits need less, and say it only where they do not help.
    SATURATED
        At least one pixel of the ROI is at the camera's ceiling: numbers are given, but may be biased. Of
        "qi" z has no sigma then, and is NaN where more than 1 % of the pixels are.
    NO_ZLUT
        There is no Z-LUT for this bead: z is NaN.
    OUT_OF_LUT
        The bead lies at or beyond an end of its Z-LUT: z is NaN, x and y are given.
    POOR_MATCH
        The radial profile resembles no plane of the Z-LUT, or planes at two z so well that noise alone could
        decide between them: z is NaN.
    OVERLAPPED
        Part of the ROI does not look like the bead of the Z-LUT, as where another bead's rings reach into it:
        positions are given, but may be biased, and have no sigma. Only the fits see it.
    FALL_BACK
        The fit does not describe the image, or the light is too dim to tell; x, y and z are those of the
        method "qi", without sigma.
    """

    LOST = 1
    AT_EDGE = 2
    SATURATED = 4
    NO_ZLUT = 8
    OUT_OF_LUT = 16
    POOR_MATCH = 32
    OVERLAPPED = 64
    FALL_BACK = 128


#: What is said of a bead, worst first.
_REASONS = (
    (TrackFlag.LOST, "lost"),
    (TrackFlag.NO_ZLUT, "no Z-LUT"),
    (TrackFlag.AT_EDGE, "at the edge"),
    (TrackFlag.OUT_OF_LUT, "out of Z-LUT"),
    (TrackFlag.POOR_MATCH, "unlike Z-LUT"),
    (TrackFlag.OVERLAPPED, "overlapped"),
    (TrackFlag.SATURATED, "saturated"),
    (TrackFlag.FALL_BACK, "not fitted"),
)
#: All that `worst_reason` may say, worst first.
REASONS = tuple(text for _, text in _REASONS)


def worst_reason(flags: int) -> str:
    """Return in a word or two the worst that flags say of a bead; empty where they say nothing."""
    return next((text for flag, text in _REASONS if flags & flag), "")
