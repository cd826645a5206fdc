"""Free space where a recording is written: how long it lasts, and when to stop."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from pathlib import Path

#: Video stops when less is free: tracks, which are small, go on until the second limit.
VIDEO_RESERVE_BYTES = 150_000_000
TRACKS_RESERVE_BYTES = 50_000_000
_LOOK_EVERY_S = 0.5
#: The rate is taken over the last looks.
_SMOOTHING = 0.2


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
        self._looked = -1e9
        self._written = 0
        self._rate = 0.0
        self.free_bytes = math.inf
        self._ask()

    def look(self, bytes_written: int) -> None:
        """Renew what is known, given how much this recording has written so far."""
        now = time.monotonic()
        passed = now - self._looked
        if passed < _LOOK_EVERY_S:
            return
        if self._looked > 0:
            # Where a file was taken away the size falls: that says nothing about the rate.
            rate = max(0, bytes_written - self._written) / passed
            self._rate += (rate - self._rate) * (_SMOOTHING if self._rate else 1.0)
        self._looked, self._written = now, bytes_written
        self._ask()

    def _ask(self) -> None:
        """Ask the system; a disk that cannot be asked is left to whoever writes on it."""
        with contextlib.suppress(OSError):
            self.free_bytes = shutil.disk_usage(self._folder).free

    @property
    def minutes_left(self) -> float:
        """Minutes until video would have to stop at this rate; infinite when nothing is written."""
        room = self.free_bytes - VIDEO_RESERVE_BYTES
        return max(0.0, room) / self._rate / 60.0 if self._rate > 0 else float("inf")

    @property
    def is_low(self) -> bool:
        """True when the disk will be full soon."""
        return self.minutes_left < self._warn_minutes

    @property
    def too_full_for_video(self) -> bool:
        """True when only tracks may go on."""
        return self.free_bytes < VIDEO_RESERVE_BYTES

    @property
    def too_full_for_tracks(self) -> bool:
        """True when everything has to stop."""
        return self.free_bytes < TRACKS_RESERVE_BYTES
