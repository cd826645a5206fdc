"""Ctrl-C and SIGTERM as a call."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any


class Signals:
    """Calls `on_signal` with the signal's number while the ``with`` block runs.

    Parameters
    ----------
    on_signal : callable
        Sets a flag, or raises where everything may be dropped.
    """

    def __init__(self, on_signal: Callable[[int], None]) -> None:
        self._on_signal = on_signal
        self._old: dict[int, Any] = {}
        self._asked: int | None = None

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._old[number] = signal.signal(number, self._handle)
            except ValueError:  # only the main thread may; elsewhere `Supervisor.stop` ends a run
                break
        for handler in self._old.values():
            self._take_over(getattr(handler, "__self__", None))
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._asked = number
        self._on_signal(number)

    def _take_over(self, outer: object) -> None:
        """Act on what the block around this one was asked: Python drops what is raised inside a callback."""
        if isinstance(outer, Signals) and outer._asked is not None and self._asked is None:
            self._asked = outer._asked
            self._on_signal(outer._asked)
