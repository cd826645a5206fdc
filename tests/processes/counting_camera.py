"""A camera without noise: the test says which numbers it counts and when it takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from magscope_app.devices import Camera, FrameFormat, FrameInfo, Setting, SettingKind, SettingValue


class CountingCamera(Camera):
    """Gives the numbers of `plan`, at one frame per `PERIOD_NS` from `began_ns` on, then nothing."""

    PERIOD_NS = 10_000_000
    plan: ClassVar[Iterator[Any]] = iter(())
    began_ns: ClassVar[int] = 0
    #: What `set` raises, as drivers of others may.
    refuses: ClassVar[type[BaseException] | None] = None

    def open(self) -> None:
        pass

    @property
    def format(self) -> FrameFormat:
        return FrameFormat(8, 4, 8)

    def start(self) -> None:
        pass

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        number = next(self.plan, None)
        if number is None:
            return None
        buffer[...] = 7
        return FrameInfo(number, np.int64(self.began_ns + int(number) * self.PERIOD_NS))  # type: ignore[arg-type]  # as drivers do

    def settings(self) -> tuple[Setting, ...]:
        return (Setting("fps", SettingKind.FLOAT, 100.0),)

    def set(self, name: str, value: SettingValue) -> None:
        if self.refuses is not None:
            raise self.refuses("the line is busy")

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass
