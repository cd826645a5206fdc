"""Events of the tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from magscope_app.engine import Abortable, DataProducing, ExecutorEvent, Stoppable

LONG_S = 20.0


class Call(ExecutorEvent):
    """Calls a function."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def execute(self) -> Any:
        return self._function()


class Gate(ExecutorEvent):
    """Runs until its gate is opened: it can be neither stopped nor aborted."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.gate = threading.Event()

    def execute(self) -> str:
        self.began.set()
        assert self.gate.wait(LONG_S)
        return "through"


class Counting(ExecutorEvent, Stoppable, Abortable):
    """Counts steps until it is asked to end."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.steps = 0

    def execute(self) -> str:
        self.began.set()
        while not self.is_stop_requested():
            self.steps += 1
            self.wait(LONG_S)
        return f"ended in order after {self.steps}"


class DeafAbortable(ExecutorEvent, Abortable):
    """Notices an abort only between its steps, and returns as if nothing was."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.gate = threading.Event()
        self.noticed = False

    def execute(self) -> str:
        self.began.set()
        assert self.gate.wait(LONG_S)
        self.noticed = self.is_abort_requested()
        return "half a result"


def image(number: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.full((3, 5), number, np.uint16)


class Capture(ExecutorEvent, DataProducing, Stoppable, Abortable):
    """Puts one image per announced coordinates, the first ones before its gate opens."""

    before_gate = 0

    def execute(self) -> int:
        self.gate = getattr(self, "gate", threading.Event())
        count = 0
        for number, coordinates in enumerate(self.coordinates):
            if number == self.before_gate > 0:
                assert self.gate.wait(LONG_S)
            if self.is_stop_requested():
                break
            self.put_data(coordinates, image(number), {"number": np.int64(number)})
            count += 1
        return count
