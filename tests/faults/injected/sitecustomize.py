"""Loaded by every process of a run under test: signals let its main thread fail, or loop for ever."""

from __future__ import annotations

import os
import signal
from types import FrameType


def _fail(number: int, frame: FrameType | None) -> None:
    raise RuntimeError("injected")


def _loop(number: int, frame: FrameType | None) -> None:
    while True:
        pass


# The memory tracker of multiprocessing is no process of ours.
if hasattr(signal, "SIGUSR1") and "MAGSCOPE_TEST_FAULTS" in os.environ:
    signal.signal(signal.SIGUSR1, _fail)
    signal.signal(signal.SIGUSR2, _loop)
