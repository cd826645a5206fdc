"""Loaded by every process of a run under test: signals let its main thread fail, or loop for ever."""

from __future__ import annotations

import datetime
import os
import signal
import time
from types import FrameType
from typing import Any

#: Whatever is raised in these is taken for an error of the disk, or passed over by the interpreter: it would
#: not be the end of the process that is wanted.
_DEAF = {"turn", "finish", "__del__"}
_AGAIN_S = 0.002


def _fail(number: int, frame: FrameType | None) -> None:
    inner = frame
    while inner is not None:
        if inner.f_code.co_name in _DEAF:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        inner = inner.f_back
    raise RuntimeError("injected")


def _loop(number: int, frame: FrameType | None) -> None:
    while True:
        pass


class _Datetime(datetime.datetime):
    """Tells the time by `time.time`, which a test can turn back."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.fromtimestamp(time.time(), tz)


def _turn_back(number: int, frame: FrameType | None) -> None:
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() - 3600
    time.time_ns = lambda: nanoseconds() - 3600 * 10**9


# The memory tracker of multiprocessing is no process of ours.
if hasattr(signal, "SIGUSR1") and "MAGSCOPE_TEST_FAULTS" in os.environ:
    datetime.datetime = _Datetime  # type: ignore[misc]  # before anybody imports it
    signal.signal(signal.SIGUSR1, _fail)
    signal.signal(signal.SIGALRM, _fail)
    signal.signal(signal.SIGUSR2, _loop)
    if hasattr(signal, "SIGRTMIN"):
        signal.signal(signal.SIGRTMIN, _turn_back)
