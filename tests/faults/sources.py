"""Cameras of the tests: frames drawn once and given again and again, as fast as is wanted."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.devices import Camera, CameraContext, FrameFormat, FrameInfo

_log = logging.getLogger("magscope_app.faults")
_N_DRAWN = 8


def centres(form: FrameFormat, roi_px: int) -> list[tuple[float, float]]:
    """Return the places of the beads: side by side, as many as there is room for."""
    half = (roi_px - 1) / 2
    return [
        (half + roi_px * column, half + roi_px * row)
        for row in range(form.height_px // roi_px)
        for column in range(form.width_px // roi_px)
    ]


class PatientCamera(Camera):
    """Small frames, as fast as the ring takes them: none is lost."""

    FORMAT = FrameFormat(64, 48, 8)
    #: While it is False, frames come whether there is room for them or not.
    patient = True

    @classmethod
    def waits_for_ring(cls, context: CameraContext) -> bool:
        return cls.patient

    def __init__(self, context: CameraContext) -> None:
        super().__init__(context)
        self._drawn: list[npt.NDArray[np.uint8]] = []
        self._number = 0

    @classmethod
    def expected_format(cls, context: CameraContext) -> FrameFormat | None:
        return cls.FORMAT

    @property
    def format(self) -> FrameFormat:
        return self.FORMAT

    def open(self) -> None:
        roi_px = self.context.config.beads.roi_px
        y, x = np.mgrid[: self.FORMAT.height_px, : self.FORMAT.width_px]
        for number in range(_N_DRAWN):
            frame = np.full(x.shape, 120.0)
            for x_px, y_px in centres(self.FORMAT, roi_px):
                r = np.hypot(x - x_px - 0.1 * number, y - y_px + 0.1 * number)
                frame += 60.0 * np.cos(0.9 * r) * np.exp(-r * 8 / roi_px)
            self._drawn.append(frame.astype(np.uint8))

    def close(self) -> None:
        self._drawn.clear()

    def start(self) -> None:
        self._number = 0

    def stop(self) -> None:
        _log.info("the camera has made %d frames", self._number)

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        number, self._number = self._number, self._number + 1
        buffer[...] = self._drawn[number % _N_DRAWN]
        return FrameInfo(number, time.perf_counter_ns())


class OverloadingCamera(PatientCamera):
    """Finds out how many frames are managed, gives three times as many for a while, and then a tenth.

    ``camera.settings``: how long each phase lasts, measure_s, overload_s.
    """

    FORMAT = FrameFormat(512, 384, 8)
    #: To everybody else it is a camera that waits for nobody.
    patient = False

    def start(self) -> None:
        super().start()
        type(self).patient = True
        self._phase = "measure"
        self._began_ns = self._due_ns = 0
        self._period_ns = 0

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        now_ns = time.perf_counter_ns()
        self._began_ns = self._began_ns or now_ns
        settings = self.context.config.camera.settings
        passed_s = (now_ns - self._began_ns) * 1e-9
        if self._phase == "measure" and passed_s > float(settings["measure_s"]):
            self._managed = self._number / passed_s
            self._begin("overload", 3.0 * self._managed)
            type(self).patient = False
        elif self._phase == "overload" and passed_s > float(settings["overload_s"]):
            self._begin("rest", 0.1 * self._managed)
        if self._period_ns:
            self._due_ns += self._period_ns
            left_ns = self._due_ns - now_ns
            if left_ns > 0:
                time.sleep(left_ns * 1e-9)
        return super().read_into(buffer, timeout_s)

    def _begin(self, phase: str, fps: float) -> None:
        self._phase, self._period_ns = phase, round(1e9 / fps)
        self._began_ns = self._due_ns = time.perf_counter_ns()
        _log.info("%s begins at camera frame %d: %.0f fps", phase, self._number, fps)
