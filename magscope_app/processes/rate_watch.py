"""Says when a camera gives clearly fewer frames than it was asked for."""

from __future__ import annotations

from collections.abc import Callable

#: The rate is taken over this time, and over so many frames that were asked for.
_WINDOW_S, _WINDOW_FRAMES = 5.0, 100.0
#: Part of the rate that was asked for below which it is said, and above which it is in order again.
_TOO_SLOW, _IN_ORDER = 0.97, 0.99
#: Part of it above which the camera catches up with what was held up somewhere.
_CATCHING_UP = 1.03
#: A time without frames is a pause from so long on, and from so many frames that were asked for.
_PAUSE_S, _PAUSE_FRAMES = 1.0, 10.0


class RateWatch:
    """Compares the camera's own count of frames with the clock.

    Frames that were lost behind the camera count as given: they stand in the ledger. A single pause is no
    slowness: it may be that of a driver or of this process, and its frames come later.

    Parameters
    ----------
    fps : float
        Frames per second that were asked for.
    say : callable
        Takes a sentence for the user.
    """

    def __init__(self, fps: float, say: Callable[[str], None]) -> None:
        self._fps = fps
        self._say = say
        self._first: tuple[int, int] | None = None
        self._last_ns = 0
        self._has_paused = False
        self._is_slow = False

    def expect(self, fps: float) -> None:
        """Another rate is asked for."""
        self._fps = fps
        self._is_slow = False
        self.begin()

    def begin(self) -> None:
        """Measure anew from the next frame on: the camera has stopped meanwhile."""
        self._first = None
        self._has_paused = False

    def frame(self, number: int, now_ns: int) -> None:
        """Take in the number of a frame that has come."""
        if self._first is None or self._is_pause(now_ns):
            self._last_ns = now_ns
            # Numbers of numpy's, which a driver may give, run over.
            self._first = int(number), now_ns
            return
        self._last_ns = now_ns
        passed_s = (now_ns - self._first[1]) * 1e-9
        if passed_s < max(_WINDOW_S, _WINDOW_FRAMES / self._fps):
            return
        given = (int(number) - self._first[0]) / passed_s
        self._first = int(number), now_ns
        if not self._is_slow and given < _TOO_SLOW * self._fps:
            self._is_slow = True
            self._say(
                f"the camera gives {given:.4g} frames/s, but {self._fps:.4g} were asked for: its exposure, "
                "its readout or this computer does not allow more; ask for less, or shorten the exposure"
            )
        elif self._is_slow and _IN_ORDER < given / self._fps < _CATCHING_UP:
            self._is_slow = False
            self._say(f"the camera gives {given:.4g} frames/s now, as it was asked for")

    def _is_pause(self, now_ns: int) -> bool:
        """Whether the time before this frame is a pause; one right after another is how the camera works."""
        has_paused = self._has_paused
        pause_s = max(_PAUSE_S, _PAUSE_FRAMES / self._fps)
        self._has_paused = (now_ns - self._last_ns) * 1e-9 > pause_s
        return self._has_paused and not has_paused
