"""Number the frames of a camera whose own count begins anew whenever its sequence restarts."""

from __future__ import annotations


class FrameCounter:
    """Turns ImageNumber into a number that only rises, with a jump where frames were lost.

    Within a sequence the number follows ImageNumber. When a sequence stopped (the queue of the core was
    full, or a setting was changed), the frames that the camera would have made until it ran again count as
    lost: the time without acquisition divided by the frame interval of the sequence before, at least one.

    Parameters
    ----------
    now_ns : int
        When the first sequence was started, ``perf_counter_ns``.
    interval_ns : float
        Frame interval to assume until it is known.
    """

    def __init__(self, now_ns: int, interval_ns: float) -> None:
        self.interval_ns = interval_ns
        self._base = 0
        self._started_ns = now_ns
        self._last_number = -1
        self._last_ns = now_ns

    @property
    def frames_in_sequence(self) -> int:
        """Frames seen since the sequence started, lost ones included."""
        return self._last_number + 1

    def expected_ns(self) -> float:
        """When the next frame should be there."""
        return self._last_ns + self.interval_ns

    def count(self, image_number: int | None, elapsed_ns: int, now_ns: int) -> int:
        """Return the number of a frame.

        Parameters
        ----------
        image_number : int, optional
            What the camera says; without it, or where it does not rise, the next number is taken.
        elapsed_ns : int
            Time since the start of the sequence by the camera's clock, 0 where it has none.
        now_ns : int
            When the frame was read.
        """
        follows = self._last_number + 1
        number = follows if image_number is None else max(image_number, follows)
        self._last_number = number
        self._last_ns = min(self._started_ns + elapsed_ns, now_ns) if elapsed_ns else now_ns
        self.interval_ns = max((self._last_ns - self._started_ns) / (number + 1), 1.0)
        return self._base + number

    def restart(self, now_ns: int, interval_ns: float | None = None) -> int:
        """Begin a new sequence and return how many frames are counted as lost.

        Parameters
        ----------
        now_ns : int
            When the new sequence was started.
        interval_ns : float, optional
            Frame interval to assume from now on, where it changes.
        """
        lost = max(1, round((now_ns - self._last_ns) / self.interval_ns))
        self._base += self._last_number + 1 + lost
        self._last_number = -1
        self._started_ns = self._last_ns = now_ns
        if interval_ns is not None:
            self.interval_ns = interval_ns
        return lost
