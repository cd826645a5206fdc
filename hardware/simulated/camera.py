"""The camera of the simulated microscope."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hardware.simulated import camera_config, runs, world
from hardware.simulated.camera_faults import CameraFaults
from hardware.simulated.camera_settings import described
from hardware.simulated.scene import Scene
from hardware.simulated.schedule import FrameSchedule
from magscope_app.datatypes import TRUTH_COLUMNS
from magscope_app.devices import (
    Camera,
    CameraContext,
    DeviceError,
    DeviceLost,
    FrameFormat,
    FrameInfo,
    Setting,
    SettingValue,
)
from magscope_app.errors import Problem

_GONE = "the simulated camera was disconnected: close it and open it again"


class SimulatedCamera(Camera):
    """Watches the beads of the simulated microscope in real time.

    ``settings.bits`` (8 to 16) is the depth of a pixel, ``settings.sensor_px`` = [width, height] the sensor
    of which ``roi_px`` is read, ``settings.instant = true`` delivers frames as fast as they are asked for.
    Runs with the same ``simulation.seed`` have the same beads, motion and noise in every frame, whatever is
    dropped, as long as magnets and settings are the same.
    """

    tick_source: ClassVar[str] = "ns since start, simulated camera"
    shared_matrices: ClassVar[Mapping[str, tuple[int, int]]] = MappingProxyType(
        {**world.SHARED, **runs.SHARED}
    )
    truth_columns: ClassVar[tuple[str, ...]] = TRUTH_COLUMNS
    kernels: ClassVar[tuple[str, ...]] = ("hardware.simulated.warm_up:compile_kernels",)

    def __init__(self, context: CameraContext) -> None:
        super().__init__(context)
        config = context.config
        self._format = camera_config.frame_format(config)
        self._exposure_ms = camera_config.exposure_ms(config)
        self._light = camera_config.light(config)
        self._instant = bool(config.camera.settings.get("instant", False))
        self._scene: Scene | None = None
        self._runs = runs.Runs()
        self._schedule: FrameSchedule | None = None
        self._faults = CameraFaults(config.simulation.faults)
        self._flooded = False

    @classmethod
    def problems(cls, context: CameraContext) -> tuple[Problem, ...]:
        """Return what is wrong with the config of the camera and of the simulation."""
        return camera_config.problems(context.config)

    @classmethod
    def expected_format(cls, context: CameraContext) -> FrameFormat:
        """Return the format of the frames."""
        return camera_config.frame_format(context.config)

    @property
    def format(self) -> FrameFormat:
        """Shape and depth of the frames."""
        return self._format

    def open(self) -> None:
        """Lay out the sample. Raises DeviceError when the config asks for what cannot be."""
        found = camera_config.problems(self.context.config)
        if found:
            raise DeviceError("the simulated camera cannot be opened: " + "; ".join(map(str, found)))
        self._faults.reopen()
        if self._scene is None:
            # Here, not at the top: importing the compiler takes longer than making the camera may.
            kernels = importlib.import_module("hardware.simulated.kernels")
            self._scene = Scene(self.context, kernels, self._runs)
            self._apply()

    def start(self) -> None:
        """Begin with frame 0. Every start of a session shows new motion and noise."""
        self._opened().begin()
        self._schedule = FrameSchedule(self.context.config.camera.fps, time.perf_counter_ns(), self._faults)

    def stop(self) -> None:
        """Stop acquiring; frames that were not read are gone."""
        self._schedule = None

    def close(self) -> None:
        """Let go of the sample."""
        self._schedule = None
        scene, self._scene = self._scene, None
        if scene is not None:
            scene.close()

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        """Draw the next frame into `buffer`; its timestamp is when its exposure ended."""
        scene, schedule = self._opened(), self._schedule
        if schedule is None:
            raise DeviceError("the simulated camera is not acquiring: start it first")
        self._check(buffer)
        frame = _wait_for_frame(schedule, timeout_s, instant=self._instant)
        if frame is None:
            return None
        if self._faults.unplugs(frame):
            raise DeviceLost(_GONE)
        self._flood(self._faults.floods(frame))
        timestamp_ns = time.perf_counter_ns() if self._instant else schedule.due_ns(frame)
        scene.draw(buffer, frame, timestamp_ns)
        return FrameInfo(
            frame, timestamp_ns, device_tick=round((frame + 1) * 1e9 / self.context.config.camera.fps)
        )

    def truth(self) -> npt.NDArray[np.float64]:
        """Return TRUTH_COLUMNS without frame_id, a row per bead, averaged over the last frame's exposure."""
        return self._opened().truth()

    def settings(self) -> tuple[Setting, ...]:
        """Return what can be changed while frames come, and what cannot. Raises DeviceLost."""
        self._require_there()
        return described(
            self._light,
            exposure_ms=self._exposure_ms,
            nominal_ms=self._nominal_ms,
            fps=self.context.config.camera.fps,
            bits=self._format.bits,
        )

    def set(self, name: str, value: SettingValue) -> None:
        """Change a setting from the next frame on."""
        setting = next((known for known in self.settings() if known.name == name), None)
        refusal = setting.why_not(value) if setting else f"there is no setting {name!r}"
        if refusal is not None:
            raise DeviceError(f"the simulated camera: {refusal}")
        if name == "exposure_ms":
            self._exposure_ms = float(value)
        else:
            changed: dict[str, Any] = {name: float(value)}
            self._light = replace(self._light, **changed)
        if self._scene is not None:
            self._apply()

    def cause_fault(
        self,
        kind: str,
        *,
        duration_s: float | None = None,
        count: int = 1,
        at_position: float | None = None,
    ) -> None:
        """Let something go wrong from the next frame on: drop_frames, stall, disconnect, saturated_light."""
        self._faults.cause(kind, duration_s=duration_s, count=count, at_position=at_position)

    @property
    def _nominal_ms(self) -> float:
        return camera_config.exposure_ms(self.context.config)

    def _apply(self) -> None:
        scene = self._opened()
        scene.set_exposure(self._exposure_ms * 1e-3)
        lit = replace(
            self._light, background_e=self._light.background_e * self._exposure_ms / self._nominal_ms
        )
        scene.set_light(lit.flooding() if self._flooded else lit)

    def _flood(self, flooded: bool) -> None:
        if flooded != self._flooded:
            self._flooded = flooded
            self._apply()

    def _require_there(self) -> None:
        if self._faults.lost:
            raise DeviceLost(_GONE)

    def _opened(self) -> Scene:
        self._require_there()
        if self._scene is None:
            raise DeviceError("the simulated camera is not open: open it first")
        return self._scene

    def _check(self, buffer: npt.NDArray[Any]) -> None:
        form = self._format
        if buffer.shape != (form.height_px, form.width_px) or buffer.dtype != form.dtype:
            raise ValueError(
                f"the buffer is {buffer.dtype} {buffer.shape}, but a frame is {form.dtype} "
                f"{(form.height_px, form.width_px)}"
            )


def _wait_for_frame(schedule: FrameSchedule, timeout_s: float, *, instant: bool) -> int | None:
    """Sleep until a frame is complete, at most `timeout_s`; `instant`: while the camera is silent."""
    take = schedule.take_at_once if instant else schedule.take
    now_ns = time.perf_counter_ns()
    deadline_ns = now_ns + int(timeout_s * 1e9)
    while (frame := take(now_ns)) is None:
        if now_ns >= deadline_ns:
            return None
        due_ns = schedule.silent_until_ns if instant else schedule.next_due_ns()
        time.sleep(max(min(due_ns, deadline_ns) - now_ns, 0) * 1e-9)
        now_ns = time.perf_counter_ns()
    return frame
