"""How many frames per second tracking manages, and whether that is enough."""

from __future__ import annotations

import logging
import math

from magscope_app.messages import TrackingSpeed

_log = logging.getLogger(__name__)
#: The speed is told this often.
_EVERY_S = 1.0
#: The camera is too fast when so much of the ring waits, this often in a row.
_BEHIND_LEVEL, _BEHIND_TIMES = 0.25, 2


class SpeedMeter:
    """Times batches; once a second says what tracking manages, and warns when it does not keep up.

    Parameters
    ----------
    camera_fps : float
        What the camera is asked for.
    threads : int
        Threads that track.
    """

    def __init__(self, camera_fps: float, threads: int) -> None:
        self._camera_fps = camera_fps
        self._threads = threads
        self._frames = 0
        self._busy_s = 0.0
        self._due_s = 0.0
        self._times_behind = 0

    def expect(self, camera_fps: float) -> None:
        """Compare with another rate of the camera."""
        self._camera_fps = camera_fps

    def add(self, frames: int, busy_s: float) -> None:
        """Count a batch that took `busy_s` from its arrival to its rows."""
        self._frames += frames
        self._busy_s += busy_s

    def news(self, now_s: float, waiting: float, n_beads: int) -> TrackingSpeed | None:
        """Return the speed if it is time to tell it.

        Parameters
        ----------
        now_s : float
            Any clock.
        waiting : float
            Share of the ring that waits to be tracked.
        n_beads : int
            Beads that are tracked.
        """
        if now_s < self._due_s or not self._busy_s:
            return None
        self._due_s = now_s + _EVERY_S
        speed = self._frames / self._busy_s
        self._frames, self._busy_s = 0, 0.0
        behind = waiting > _BEHIND_LEVEL and speed < self._camera_fps
        self._times_behind = self._times_behind + 1 if behind else 0
        if self._times_behind == _BEHIND_TIMES:
            share = 1 - speed / self._camera_fps
            _log.warning(
                "tracking does not keep up: it manages %.0f of the camera's %.0f frames per second with %d "
                "beads on %d threads, so that %d %% will be lost; use fewer beads, a smaller ROI, a lower "
                "fps or more tracking.threads",
                speed,
                self._camera_fps,
                n_beads,
                self._threads,
                math.ceil(100 * share),
            )
        return TrackingSpeed(speed)
