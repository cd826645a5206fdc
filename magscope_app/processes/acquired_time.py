"""How long a run has acquired, the pauses between a camera's death and its return left out."""

from __future__ import annotations

from magscope_app.clock import WallAnchor


class AcquiredTime:
    """Adds the stretches of time in which frames came.

    Parameters
    ----------
    anchor : WallAnchor
        The session clock.

    Attributes
    ----------
    first_ns : int or None
        When the first frame of the run was seen, on the session clock.
    seconds : float
        All stretches that have ended.
    """

    def __init__(self, anchor: WallAnchor) -> None:
        self._anchor = anchor
        self._since_ns: int | None = None
        self.first_ns: int | None = None
        self.seconds = 0.0

    def on_first_frame(self) -> None:
        """Note that the camera's frames come, for the first time or again."""
        self._since_ns = self._anchor.session_ns()
        if self.first_ns is None:
            self.first_ns = self._since_ns

    def on_stopped(self, seconds: float) -> None:
        """Note that the camera has stopped, and what it says how long its frames have come."""
        self._since_ns = None
        self.seconds += seconds

    def on_death(self) -> None:
        """Note that the camera process has died; it cannot say how long its frames have come."""
        if self._since_ns is not None:
            self.seconds += (self._anchor.session_ns() - self._since_ns) * 1e-9
        self._since_ns = None
