"""A driver whose calls block, as those of some controllers do."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

from magscope_app.devices import Motor, MotorContext


class BlockingStage(Motor):
    """`start_move` returns when the axis has arrived, at 1 mm/s; with settings.hangs nothing ends it."""

    unit: ClassVar[str] = "mm"

    def __init__(self, context: MotorContext) -> None:
        super().__init__(context)
        self._position = 0.0
        self._stop = threading.Event()

    @property
    def speed(self) -> float:
        return 1.0

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def position(self) -> float:
        return self._position

    def is_moving(self) -> bool:
        return False

    def start_move(self, position: float) -> None:
        self._stop.clear()
        hangs = self.context.motor.settings.get("hangs", False)
        while abs(position - self._position) > 1e-9:
            step = min(0.005, abs(position - self._position))
            self._position += step if position > self._position else -step
            if self._stop.wait(0.005) and not hangs:
                return

    def home(self) -> None:
        raise ZeroDivisionError("a mistake in the driver")

    def stop(self) -> None:
        self._stop.set()
        time.sleep(0.001)
