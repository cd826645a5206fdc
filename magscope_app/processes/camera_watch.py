"""Looks after a camera: says when it falls silent, and when its image is too bright."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

#: Silence is said after this time, and after so many frames that should have come.
_SILENT_S, _SILENT_FRAMES = 1.0, 20.0
#: An image is too bright when this part of its pixels is at the camera's ceiling.
_SATURATED_PART = 0.05
#: So many pixels of each frame are looked at.
_SAMPLE_PX = 1024
#: After so long without a saturated frame the light is in order again.
_IN_ORDER_S = 1.0


class CameraWatch:
    """Counts and says what the frames themselves tell about the camera.

    Parameters
    ----------
    highest_dn : int
        Grey level at which a pixel is saturated.
    fps : float
        Frames per second that are expected.
    say : callable
        Takes a sentence for the user.
    """

    def __init__(self, highest_dn: int, fps: float, say: Callable[[str], None]) -> None:
        self._highest_dn = highest_dn
        self._say = say
        self.expect(fps)
        self._last_ns = 0
        self._is_silent = False
        self._n_saturated = 0
        self._saturated_ns = 0

    @property
    def is_silent(self) -> bool:
        """True while no frames come that should."""
        return self._is_silent

    def expect(self, fps: float) -> None:
        """Look for another rate from now on."""
        self._silent_ns = round(1e9 * max(_SILENT_S, _SILENT_FRAMES / fps))

    def begin(self, now_ns: int) -> None:
        """Watch a new acquisition."""
        self._last_ns = now_ns
        self._is_silent = False
        self._n_saturated = 0

    def nothing(self, now_ns: int) -> None:
        """Take in that no frame came."""
        silent_ns = now_ns - self._last_ns
        if not self._is_silent and silent_ns > self._silent_ns:
            self._is_silent = True
            self._say(
                f"the camera has given no frame for {silent_ns * 1e-9:.1f} s; it is waited for, "
                "look at its cable and trigger"
            )

    def frame(self, image: npt.NDArray[Any], now_ns: int) -> None:
        """Take in a frame that has come."""
        if self._is_silent:
            self._is_silent = False
            self._say(f"the camera gives frames again after {(now_ns - self._last_ns) * 1e-9:.1f} s")
        self._last_ns = now_ns
        step = max(int(math.sqrt(image.size / _SAMPLE_PX)), 1)
        sample = image[::step, ::step]
        part = np.count_nonzero(sample >= self._highest_dn) / sample.size
        if part >= _SATURATED_PART:
            if not self._n_saturated:
                self._say(
                    f"the image is too bright: {part:.0%} of its pixels are saturated; "
                    "reduce the exposure or the light"
                )
            self._n_saturated += 1
            self._saturated_ns = now_ns
        elif self._n_saturated and now_ns - self._saturated_ns > 1e9 * _IN_ORDER_S:
            self.end()

    def end(self) -> None:
        """Say how many frames were too bright, if there were any."""
        if self._n_saturated:
            self._say(f"{self._n_saturated} frames were too bright")
        self._n_saturated = 0
