"""Which frames a simulated camera delivers, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from magscope_app.config import DropFrames

#: Frames that the camera keeps for a caller who is late.
BUFFER_FRAMES = 64


class FrameSchedule:
    """Frames on an absolute time table, a buffer for late callers, and frames lost on purpose.

    Parameters
    ----------
    fps : float
        Frames per second.
    start_ns : int
        Time at which the first frame begins; frame n is complete (n + 1) / fps later.
    faults : iterable of DropFrames
        Frames that are never delivered.
    """

    def __init__(self, fps: float, start_ns: int, faults: Iterable[DropFrames] = ()) -> None:
        self._period_ns = 1e9 / fps
        self._start_ns = start_ns
        self._faults = tuple(faults)
        self._next = 0
        self._ready: deque[int] = deque()

    def due_ns(self, frame: int) -> int:
        """Return when a frame is complete."""
        return self._start_ns + round((frame + 1) * self._period_ns)

    def next_due_ns(self) -> int:
        """Return when the next frame that is not complete yet will be."""
        return self.due_ns(self._next)

    def take(self, now_ns: int) -> int | None:
        """Return the oldest frame that is complete and was not delivered, or None.

        When more than `BUFFER_FRAMES` have piled up, the frames after them are lost, as in a camera whose
        memory is full.
        """
        complete = max(int((now_ns - self._start_ns) / self._period_ns), self._next)
        while self._next < complete and len(self._ready) < BUFFER_FRAMES:
            if not self._dropped(self._next):
                self._ready.append(self._next)
            self._next += 1
        self._next = complete
        return self._ready.popleft() if self._ready else None

    def take_at_once(self) -> int:
        """Return the next frame without waiting for its time."""
        while self._dropped(self._next):
            self._next += 1
        self._next += 1
        return self._next - 1

    def _dropped(self, frame: int) -> bool:
        for fault in self._faults:
            since = frame - fault.at_frame
            if since >= 0 and (since % fault.every if fault.every else since) < fault.count:
                return True
        return False
