"""The last frames of a recording: how long those are waited for that are still on their way."""

from __future__ import annotations

import time
from collections.abc import Callable

from magscope_app.datatypes import VideoBuffer

#: As long as something advances there is hope, but not for longer than the supervisor waits.
_MOST_S, _MOST_IN_A_HURRY_S = 10.0, 0.6
#: Without any advance: a tracker that works may take long over its first frames, one that has died may come
#: back, and whoever is in a hurry waits for what is on its way already.
_STILL_WORKING_S, _STILL_AWAY_S, _STILL_IN_A_HURRY_S = 4.0, 1.2, 0.3


class Drain:
    """Decides whether to wait on for frames that were acquired and are not recorded yet.

    Parameters
    ----------
    video : VideoBuffer
        The ring.
    head : int
        Ring position after the last frame.
    may_wait : callable
        False once there is no time left: somebody is in a hurry, or gone.
    most_s : float
        Longest wait for those who are in no hurry.

    Attributes
    ----------
    head : int
        As given.
    tracked : bool
        Everything before `head` was tracked, as of the last question.
    """

    def __init__(
        self, video: VideoBuffer, head: int, may_wait: Callable[[], bool], most_s: float = _MOST_S
    ) -> None:
        self._video = video
        self._most_s = most_s
        self.head = head
        self._may_wait = may_wait
        self._began = self._moved = time.monotonic()
        self._reached: object = None
        self.tracked = False

    def goes_on(self, reached: object) -> bool:
        """Return whether to wait on; `reached` is how far the recorder itself is, in any form."""
        tracking = next((one for one in self._video.counters().readers if one.name == "tracking"), None)
        position = tracking.counters.position if tracking is not None else self.head
        self.tracked = position >= self.head
        now = time.monotonic()
        if (position, reached) != self._reached:
            self._reached, self._moved = (position, reached), now
        patience_s, most_s = _STILL_AWAY_S, self._most_s
        if not self._may_wait():
            patience_s, most_s = _STILL_IN_A_HURRY_S, _MOST_IN_A_HURRY_S
        elif tracking is not None and tracking.alive:
            patience_s = _STILL_WORKING_S
        return now - self._moved < patience_s and now - self._began < most_s
