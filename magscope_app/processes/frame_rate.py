"""Frames per second from the times of the newest frames."""

from __future__ import annotations

from collections import deque

#: The rate is taken over this time and so many frames, but over no more than the longest time.
_WINDOW_NS, _WINDOW_FRAMES, _LONGEST_NS = 1_000_000_000, 4, 30_000_000_000
#: A camera that is silent for so many of its intervals, and for a window, does nothing.
_SILENT = 2.5


class FrameRate:
    """Rate of a camera of any speed; with a slow one the time that is looked at grows."""

    def __init__(self) -> None:
        #: Number and session time (ns) of frames that were the newest.
        self._seen: deque[tuple[int, int]] = deque()

    def look(self, count: int, newest_ns: int, now_ns: int) -> float:
        """Return the frames per second, 0 before the second frame and when no more come.

        Parameters
        ----------
        count : int
            Frames up to the newest one.
        newest_ns : int
            Session time of the newest frame.
        now_ns : int
            Session time.
        """
        seen = self._seen
        if not seen or count != seen[-1][0]:
            seen.append((count, newest_ns))
        while len(seen) > 2 and (_reaches(seen[1], seen[-1]) or newest_ns - seen[0][1] > _LONGEST_NS):
            seen.popleft()
        frames, passed_ns = count - seen[0][0], newest_ns - seen[0][1]
        if frames <= 0 or passed_ns <= 0:
            return 0.0
        silent_ns = max(_WINDOW_NS, _SILENT * passed_ns / frames)
        return frames * 1e9 / passed_ns if now_ns - newest_ns <= silent_ns else 0.0

    def begin(self) -> None:
        """Measure anew from the next frame on."""
        self._seen.clear()


def _reaches(first: tuple[int, int], last: tuple[int, int]) -> bool:
    """Return whether the frames from one to another are enough for a rate."""
    return last[1] - first[1] >= _WINDOW_NS and last[0] - first[0] >= _WINDOW_FRAMES
