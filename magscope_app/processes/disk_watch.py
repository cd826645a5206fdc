"""Free space where a recording is written: how long it lasts, and when to stop."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections import deque
from pathlib import Path

#: Video stops when less is free: tracks, which are small, go on until the second limit.
VIDEO_RESERVE_BYTES = 150_000_000
TRACKS_RESERVE_BYTES = 50_000_000
_LOOK_EVERY_S = 0.5
#: The rate is taken over this time: rows and images reach the disk in batches.
_WINDOW_S = 60.0
#: What is written at first, heads and empty tables, says nothing about the rate; nor does a short time.
_SETTLE_S, _KNOWN_S = 5.0, 10.0


def in_minutes(minutes: float) -> str:
    """Return when something will be, in words."""
    if minutes < 1:
        return "in less than a minute"
    return f"in {minutes:.0f} minute{'' if round(minutes) == 1 else 's'}"


class DiskWatch:
    """Looks at the disk twice a second and works out how long it lasts.

    Parameters
    ----------
    folder : Path
        On the disk that is watched.
    warn_minutes : float
        `is_low` becomes true when less time is left.

    Attributes
    ----------
    free_bytes : float
        As it was when the system could tell; infinite before.
    """

    def __init__(self, folder: Path, warn_minutes: float) -> None:
        self._folder = folder
        self._warn_minutes = warn_minutes
        self._began: float | None = None
        self._looked = -math.inf
        self._size = 0
        #: Bytes in all, however the files shrink, and when.
        self._written = 0
        self._looks: deque[tuple[float, int]] = deque()
        self.free_bytes = math.inf
        #: What will be left of it when everything that was accepted so far is stored.
        self._room = math.inf
        self._waited = 0
        self._ask()

    def look(self, bytes_written: int, bytes_waiting: int = 0) -> None:
        """Renew what is known, given how much this recording has written so far.

        `bytes_waiting` are those of them that wait for the disk, which nobody can take back.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            self._room = self.free_bytes - self._waited - max(0, bytes_written - self._size)
            return
        # Where a file was taken away the size falls: that says nothing about the rate.
        self._written += max(0, bytes_written - self._size)
        self._looked, self._size = now, bytes_written
        self._began = now if self._began is None else self._began
        self._looks.append((now, self._written))
        settled = now - self._began > _SETTLE_S + _KNOWN_S
        while settled and (self._is_early(self._looks[0][0]) or now - self._looks[0][0] > _WINDOW_S):
            self._looks.popleft()
        self._ask()
        self._waited = bytes_waiting
        self._room = self.free_bytes - bytes_waiting

    def _is_early(self, looked: float) -> bool:
        return self._began is not None and looked - self._began < _SETTLE_S

    def _ask(self) -> None:
        """Ask the system; a disk that cannot be asked is left to whoever writes on it."""
        with contextlib.suppress(OSError):
            self.free_bytes = shutil.disk_usage(self._folder).free

    @property
    def minutes_left(self) -> float:
        """Minutes until video would have to stop at this rate; infinite where that is not known yet."""
        known = len(self._looks) > 1 and not self._is_early(self._looks[0][0])
        return self.minutes_so_far if known else math.inf

    @property
    def is_low(self) -> bool:
        """True when the disk will be full soon; said at once, of what was written so far."""
        return self.minutes_so_far < self._warn_minutes

    @property
    def minutes_so_far(self) -> float:
        """As `minutes_left`, but also of the first seconds."""
        if len(self._looks) < 2:
            return math.inf
        (first, before), (last, now) = self._looks[0], self._looks[-1]
        room = self.free_bytes - VIDEO_RESERVE_BYTES
        return max(0.0, room) * (last - first) / (now - before) / 60.0 if now > before else math.inf

    @property
    def too_full_for_video(self) -> bool:
        """True when only tracks may go on: what waits for the disk takes its room, too."""
        return self._room < VIDEO_RESERVE_BYTES

    @property
    def too_full_for_tracks(self) -> bool:
        """True when everything has to stop."""
        return self.free_bytes < TRACKS_RESERVE_BYTES
