"""A recording as a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hardware.replay.opening import open_source
from hardware.replay.source import FrameSource, RecordedFrame
from magscope_app.config import CameraConfig
from magscope_app.devices import (
    Camera,
    CameraContext,
    DeviceError,
    FrameFormat,
    FrameInfo,
    Setting,
    SettingKind,
    SettingValue,
)
from magscope_app.errors import Problem

#: A reader that is later than this does not get all the frames it missed at once: time goes on from here.
_LATEST_S = 1.0
_SETTINGS = ("every_frame", "loop", "recorded_rate")


class ReplayCamera(Camera):
    """Plays the image, TIFF stack, NDTiff folder or dataset at ``camera.path``, at ``camera.fps``.

    The time at which a frame was taken, where the recording knows it, becomes its device tick. Settings in
    the config:

    every_frame : bool, default false
        True plays as fast as the frames are taken, and none is skipped.
    recorded_rate : bool, default false
        True plays with the intervals at which the frames were taken, instead of ``camera.fps``.
    loop : bool, default true, but false with every_frame
        True begins again after the last frame; otherwise the run ends there. A still image is shown for ever.

    Colour becomes luma (ITU-R BT.601); 16 bits stay 16 bits. ``camera.roi_px`` is cut out.

    Parameters
    ----------
    context : CameraContext
        The config.
    """

    needs: ClassVar[str] = "a recording or an image, named in camera.path"
    uses_path: ClassVar[bool] = True
    tick_source: ClassVar[str] = "ns, clock of the recording that is replayed; 0 where it has no times"

    def __init__(self, context: CameraContext) -> None:
        super().__init__(context)
        settings = context.config.camera.settings
        self._every_frame = bool(settings.get("every_frame", False))
        self._loop = bool(settings.get("loop", not self._every_frame))
        self._recorded_rate = bool(settings.get("recorded_rate", False))
        self._fps = context.config.camera.fps
        self._source: FrameSource | None = None
        self._frames: Iterator[RecordedFrame] | None = None
        self._next: RecordedFrame | None = None
        self._frame_number = 0
        self._due_ns = 0
        self._last_t_ns: int | None = None

    @classmethod
    def problems(cls, context: CameraContext) -> tuple[Problem, ...]:
        """Return what is wrong with path, ROI and settings, from the head of the recording."""
        camera = context.config.camera
        found = _setting_problems(camera.settings)
        if camera.path is None:
            return *found, Problem(
                "camera.path", "is missing", "name the image, TIFF stack or dataset to play"
            )
        try:
            source = open_source(camera.path)
        except DeviceError as error:
            what, _, remedy = str(error).partition("; ")
            return *found, Problem("camera.path", what, remedy)
        try:
            return found + _roi_problems(camera, source.format) + _time_problems(camera, source)
        finally:
            source.close()

    @classmethod
    def waits_for_ring(cls, context: CameraContext) -> bool:
        """Return True where every frame is to be played."""
        return bool(context.config.camera.settings.get("every_frame", False))

    @classmethod
    def expected_format(cls, context: CameraContext) -> FrameFormat | None:
        """Return the format of the frames, or None where the recording cannot be read."""
        camera = context.config.camera
        if camera.path is None:
            return None
        try:
            source = open_source(camera.path)
        except DeviceError:
            return None
        try:
            return _cut(source.format, camera)
        finally:
            source.close()

    def open(self) -> None:
        """Open the recording. Raises DeviceError with all that is wrong."""
        if self._source is not None:
            return
        problems = self.problems(self.context)
        path = self.context.config.camera.path
        if problems or path is None:
            raise DeviceError("; ".join(map(str, problems)))
        self._source = open_source(path)

    @property
    def format(self) -> FrameFormat:
        """Shape and depth of the frames. Raises DeviceError before `open`."""
        return _cut(self._opened().format, self.context.config.camera)

    def start(self) -> None:
        """Begin with the first frame of the recording."""
        self.stop()
        self._frames = self._opened().frames()
        self._frame_number = 0
        self._last_t_ns = None
        self._due_ns = time.perf_counter_ns()

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        """Copy the next frame when its time has come; see `Camera.read_into`."""
        if self._next is None:
            self._next = self._take()
        if not self._every_frame and not self._wait(timeout_s, self._next.t_ns):
            return None
        frame, self._next = self._next, None
        self._last_t_ns = frame.t_ns
        roi = self.context.config.camera.roi_px
        x, y = roi[:2] if roi else (0, 0)
        height, width = buffer.shape
        np.copyto(buffer, frame.pixels[y : y + height, x : x + width])
        now_ns = time.perf_counter_ns()
        info = FrameInfo(self._frame_number, now_ns, frame.t_ns or 0, frame.metadata)
        self._frame_number += 1
        if self._opened().is_still:
            self._next = frame
        return info

    def stop(self) -> None:
        """Stop playing."""
        self._frames = self._next = None

    def close(self) -> None:
        """Close the recording."""
        self.stop()
        if self._source is not None:
            self._source.close()
        self._source = None

    def settings(self) -> tuple[Setting, ...]:
        """Return the rate and whether it begins again after the last frame."""
        return (
            Setting("fps", SettingKind.FLOAT, self._fps, "1/s", (0.01, 100_000.0), help="frames per second"),
            Setting(
                "loop",
                SettingKind.BOOL,
                self._loop,
                help="begin again after the last frame",
                config_key=("camera", "settings", "loop"),
            ),
        )

    def set(self, name: str, value: SettingValue) -> None:
        """Change the rate or the loop, also while playing. Raises DeviceError."""
        known = next((setting for setting in self.settings() if setting.name == name), None)
        if known is None:
            raise DeviceError(f"replay has no setting {name!r}; it has fps and loop")
        if (refusal := known.why_not(value)) is not None:
            raise DeviceError(refusal)
        if name == "fps":
            self._fps = float(value)
        else:
            self._loop = bool(value)

    def _take(self) -> RecordedFrame:
        if self._frames is None:
            raise DeviceError("replay is not playing")
        frame = next(self._frames, None)
        if frame is None and self._loop:
            self._frames = self._opened().frames()
            frame = next(self._frames, None)
        if frame is None:
            raise EOFError(
                f"{self.context.config.camera.path} is at its end after {self._frame_number} frames"
            )
        return frame

    def _interval_ns(self, t_ns: int | None) -> int:
        """Return the time between the frame before and one that was taken at `t_ns`; 0 for the first."""
        if not self._frame_number:
            return 0
        if not self._recorded_rate or t_ns is None or self._last_t_ns is None or t_ns < self._last_t_ns:
            # Also from the last frame to the first, where it begins again.
            return round(1e9 / self._fps)
        return t_ns - self._last_t_ns

    def _wait(self, timeout_s: float, t_ns: int | None) -> bool:
        """Sleep until the frame is due and return True, or False where that is after the timeout."""
        now_ns = time.perf_counter_ns()
        due_ns = self._due_ns + self._interval_ns(t_ns)
        wait_s = (due_ns - now_ns) * 1e-9
        if wait_s > timeout_s:
            time.sleep(timeout_s)
            return False
        if wait_s > 0:
            time.sleep(wait_s)
        self._due_ns = now_ns if wait_s < -_LATEST_S else due_ns
        return True

    def _opened(self) -> FrameSource:
        if self._source is None:
            raise DeviceError("replay is not open")
        return self._source


def _cut(full: FrameFormat, camera: CameraConfig) -> FrameFormat:
    if camera.roi_px is None:
        return full
    return FrameFormat(camera.roi_px[2], camera.roi_px[3], full.bits)


def _roi_problems(camera: CameraConfig, full: FrameFormat) -> tuple[Problem, ...]:
    if camera.roi_px is None:
        return ()
    x, y, width, height = camera.roi_px
    if x + width <= full.width_px and y + height <= full.height_px:
        return ()
    what = (
        f"{[x, y, width, height]} reaches beyond the {full.width_px} × {full.height_px} px of {camera.path}"
    )
    return (Problem("camera.roi_px", what, "give [x, y, width, height] inside of it, or remove the key"),)


def _time_problems(camera: CameraConfig, source: FrameSource) -> tuple[Problem, ...]:
    if not camera.settings.get("recorded_rate", False):
        return ()
    where = "camera.settings.recorded_rate"
    if camera.settings.get("every_frame", False):
        return (Problem(where, "contradicts every_frame, which plays as fast as it can", "choose one"),)
    if not source.has_times:
        what = f"{camera.path} does not say when its frames were taken"
        return (Problem(where, what, "leave it out, to play at camera.fps"),)
    return ()


def _setting_problems(settings: Mapping[str, Any]) -> tuple[Problem, ...]:
    found: list[Problem] = []
    for name, value in settings.items():
        where = f"camera.settings.{name}"
        if name not in _SETTINGS:
            near = get_close_matches(name, _SETTINGS, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]}?" if near else f"replay knows {' and '.join(_SETTINGS)}"
            found.append(Problem(where, "there is no such setting", remedy))
        elif not isinstance(value, bool):
            found.append(Problem(where, f"{value!r} is not allowed", "give true or false"))
    return tuple(found)
