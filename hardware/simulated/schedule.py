"""Which frames a simulated camera delivers, and when."""

from __future__ import annotations

from collections import deque

from hardware.simulated.camera_faults import CameraFaults

#: Frames that the camera keeps for a caller who is late.
BUFFER_FRAMES = 64


class FrameSchedule:
    """Frames on an absolute time table, a buffer for late callers, and what goes wrong on purpose.

    Parameters
    ----------
    fps : float
        Frames per second.
    start_ns : int
        Time at which the first frame begins; frame n is complete (n + 1) / fps later.
    faults : CameraFaults
        Which frames are never delivered, and when the camera is silent for a while.
    """

    def __init__(self, fps: float, start_ns: int, faults: CameraFaults | None = None) -> None:
        self._period_ns = 1e9 / fps
        self._start_ns = start_ns
        self._faults = faults or CameraFaults()
        self._next = 0
        #: Until then nothing is delivered.
        self.silent_until_ns = 0
        self._silent_before = -1
        self._ready: deque[int] = deque()

    def due_ns(self, frame: int) -> int:
        """Return when a frame is complete."""
        return self._start_ns + round((frame + 1) * self._period_ns)

    def next_due_ns(self) -> int:
        """Return when the next frame that is not complete yet will be, or a silence ends."""
        return max(self.due_ns(self._next), self.silent_until_ns)

    def take(self, now_ns: int) -> int | None:
        """Return the oldest frame that is complete and was not delivered, or None.

        When more than `BUFFER_FRAMES` have piled up, the frames after them are lost, as in a camera whose
        memory is full.
        """
        if now_ns >= self.silent_until_ns:
            self._fill(now_ns)
        return self._ready.popleft() if self._ready else None

    def take_at_once(self, now_ns: int) -> int | None:
        """Return the next frame without waiting for its time; None while the camera is silent."""
        if now_ns < self.silent_until_ns or self._falls_silent(now_ns):
            return None
        while self._faults.drops(self._next):
            self._next += 1
        self._next += 1
        return self._next - 1

    def _fill(self, now_ns: int) -> None:
        complete = max(int((now_ns - self._start_ns) / self._period_ns), self._next)
        while self._next < complete and len(self._ready) < BUFFER_FRAMES:
            if self._falls_silent(self.due_ns(self._next)) and now_ns < self.silent_until_ns:
                return
            if not self._faults.drops(self._next):
                self._ready.append(self._next)
            self._next += 1
        self._next = complete

    def _falls_silent(self, since_ns: int) -> bool:
        """Ask once for every frame whether the camera is silent before it."""
        if self._silent_before == self._next:
            return False
        self._silent_before = self._next
        silent_s = self._faults.stall_s(self._next)
        self.silent_until_ns = since_ns + round(1e9 * silent_s)
        return silent_s > 0.0
