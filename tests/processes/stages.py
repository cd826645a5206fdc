"""A driver whose calls block, as those of some controllers do."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import ClassVar

from magscope_app.devices import Motor, MotorContext


class BlockingStage(Motor):
    """`start_move` returns when the axis has arrived, at 1 mm/s; with settings.hangs nothing ends it.

    With settings.one_caller a stop waits for the end of a move, as with a controller that takes one call
    at a time.
    """

    unit: ClassVar[str] = "mm"

    def __init__(self, context: MotorContext) -> None:
        super().__init__(context)
        self._position = 0.0
        self._stop = threading.Event()
        self._line = threading.Lock()

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
        settings = self.context.motor.settings
        with self._line if settings.get("one_caller", False) else contextlib.nullcontext():
            while abs(position - self._position) > 1e-9:
                step = min(0.005, abs(position - self._position))
                self._position += step if position > self._position else -step
                if settings.get("hangs", False):
                    time.sleep(0.005)
                elif self._stop.wait(0.005):
                    return

    def home(self) -> None:
        raise ZeroDivisionError("a mistake in the driver")

    def stop(self) -> None:
        with self._line:
            pass
        self._stop.set()
        time.sleep(0.001)


class RunawayStage(Motor):
    """Moves at 1 mm/s by itself; settings.stop says what its stop does, settings.nan that it loses its place.

    ``"raises"``, ``"nothing"``, or ``"second"``: the second call is obeyed.
    """

    unit: ClassVar[str] = "mm"

    def __init__(self, context: MotorContext) -> None:
        super().__init__(context)
        self._start, self._way, self._began = 0.0, 0.0, 0.0
        self.stops = 0

    @property
    def speed(self) -> float:
        return 1.0

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def position(self) -> float:
        if self.context.motor.settings.get("nan", False) and self._way:
            return float("nan")
        return self._start + min(time.monotonic() - self._began, abs(self._way)) * (
            1 if self._way > 0 else -1
        )

    def is_moving(self) -> bool:
        return time.monotonic() - self._began < abs(self._way)

    def start_move(self, position: float) -> None:
        start = self._start if self._way == 0.0 else self.position()
        self._start, self._way, self._began = start, position - start, time.monotonic()

    def home(self) -> None:
        self.start_move(-0.1)

    def home_position(self) -> float | None:
        home = self.context.motor.settings.get("home")
        return None if home is None else float(home)

    def stop(self) -> None:
        self.stops += 1
        how = self.context.motor.settings.get("stop", "")
        if how == "raises":
            raise OSError("the line is busy")
        if not how or (how == "second" and self.stops >= 2):
            self._start, self._way = self.position(), 0.0
