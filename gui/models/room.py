"""How the room of a line is shared out."""

from __future__ import annotations

from collections.abc import Sequence


def shares(needed: Sequence[int], room: int) -> list[int]:
    """Return how wide each part is: all alike, but for those that need more.

    Where there is room for all, those that need more get it and the others share the rest evenly, so that a
    text that changes a little moves nothing. Where there is not, the widest give way first.

    Parameters
    ----------
    needed : sequence of int
        What each part needs.
    room : int
        What there is for all of them.

    Returns
    -------
    list of int
        Their sum is at most `room`, and less by at most the number of parts.
    """
    enough = sum(needed) <= room
    low, high = 0, max(room, *needed, 0)
    while low < high:
        level = (low + high + 1) // 2
        total = sum(max(one, level) if enough else min(one, level) for one in needed)
        low, high = (level, high) if total <= room else (low, level - 1)
    return [max(one, low) if enough else min(one, low) for one in needed]
