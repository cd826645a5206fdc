"""Any camera of Micro-Manager."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from hardware.micromanager.area import (
    AREA,
    SIZE,
    Roi,
    area_settings,
    moved,
    read_format,
    resized,
    set_roi,
)
from hardware.micromanager.available import NEEDS, why_no_micromanager
from hardware.micromanager.core import PROCESS_CORE, CoreHost
from hardware.micromanager.counting import FrameCounter
from hardware.micromanager.description import CameraDescription, describe, description_problems
from hardware.micromanager.hosting import camera_claims
from hardware.micromanager.loading import allowed_values, device_errors, text_of
from hardware.micromanager.properties import device_settings
from magscope_app.devices import (
    Camera,
    CameraContext,
    DeviceError,
    DeviceLost,
    FormatChange,
    FrameFormat,
    FrameInfo,
    Setting,
    SettingKind,
    SettingValue,
)
from magscope_app.errors import Problem

if TYPE_CHECKING:
    from pymmcore_plus import CMMCorePlus

_log = logging.getLogger(f"magscope_app.{__name__}")
_WHERE = "camera.settings"
#: Label of the camera where the settings have none.
_LABEL = "camera"
#: Frames asked for at once: all that a 32-bit long can say.
_ENDLESS = 2**31 - 1
#: Shortest and longest sleep while waiting for a frame.
_NAP_S = (0.0005, 0.02)
_WHOLE = (0, 0)


class MicroManagerCamera(Camera):
    """A camera of Micro-Manager in sequence mode, at the rate that its exposure and properties allow.

    Settings in the config: those of `CameraDescription`. Micro-Manager has no common setting for the frame
    rate; without `exposure_ms` the exposure is a whole frame at `fps`.

    Parameters
    ----------
    context : CameraContext
        The config.
    host : CoreHost
        The core to live in.
    """

    needs: ClassVar[str] = NEEDS
    tick_source: ClassVar[str] = (
        "ns since the sequence started, ElapsedTime-ms of Micro-Manager (may be software time)"
    )

    def __init__(self, context: CameraContext, host: CoreHost = PROCESS_CORE) -> None:
        super().__init__(context)
        self._host = host
        self._label = ""
        self._core: CMMCorePlus | None = None
        self._format: FrameFormat | None = None
        self._sensor_px = (0, 0)
        #: Properties that were changed since it was opened.
        self._changed: dict[str, SettingValue] = {}
        self._counter: FrameCounter | None = None

    @classmethod
    def why_unavailable(cls) -> str | None:
        """Say why Micro-Manager cannot be used here, or return None; no core is made."""
        return why_no_micromanager()

    @classmethod
    def problems(cls, context: CameraContext) -> tuple[Problem, ...]:
        """Return what is wrong with ``camera.settings``; no device is loaded."""
        return description_problems(CameraDescription, _WHERE, context.config.camera.settings, _LABEL)

    @classmethod
    def claims(cls, context: CameraContext) -> tuple[str, ...]:
        """Name the ports, hubs and devices that only one process can have."""
        return camera_claims(context.config)

    def open(self) -> None:
        """Load the camera and apply properties, exposure and ROI of the config. Raises DeviceError."""
        if self._core is not None:
            return
        description = describe(CameraDescription, _WHERE, self.context.config.camera.settings)
        label = description.label or _LABEL
        self._core = self._host.acquire(label, description)
        self._label = label
        try:
            with device_errors(f"{label} cannot be used as a camera"):
                self._core.setCameraDevice(label)
                self._core.setCircularBufferMemoryFootprint(description.buffer_mb)
            self._set_exposure(self._configured_exposure_ms())
            self._sensor_px = set_roi(self._core, label, self.context.config.camera.roi_px)
            self._format = read_format(self._core, label)
        except DeviceError:
            self.close()
            raise

    @property
    def format(self) -> FrameFormat:
        """Shape and depth of the frames. Raises DeviceError before `open`."""
        if self._format is None:
            raise DeviceError("the Micro-Manager camera is not open")
        return self._format

    def start(self) -> None:
        """Start a sequence that stops, instead of overwriting, when the queue is full."""
        self._start_sequence(self._opened())
        self._counter = FrameCounter(time.perf_counter_ns(), self._exposure_ms() * 1e6)

    def read_into(self, buffer: npt.NDArray[Any], timeout_s: float) -> FrameInfo | None:
        """Copy the oldest queued frame; see `Camera.read_into`."""
        core, counter = self._opened(), self._counter
        if counter is None:
            raise DeviceError(f"{self._label} is not acquiring")
        deadline_ns = time.perf_counter_ns() + int(timeout_s * 1e9)
        try:
            while not core.getRemainingImageCount():
                if not core.isSequenceRunning() and not core.getRemainingImageCount():
                    self._resume(core, counter)
                now_ns = time.perf_counter_ns()
                if now_ns >= deadline_ns:
                    return None
                time.sleep(min(_nap_s(counter, now_ns), (deadline_ns - now_ns) * 1e-9))
            return self._pop(core, counter, buffer)
        except (RuntimeError, IndexError) as error:
            raise DeviceLost(f"{self._label} does not give frames any more: {error}") from error

    def stop(self) -> None:
        """Stop the sequence; what is still queued is discarded at the next start."""
        self._counter = None
        if self._core is not None and self._core.isSequenceRunning():
            with device_errors(f"{self._label} does not stop"):
                self._core.stopSequenceAcquisition()

    def close(self) -> None:
        """Stop and unload the camera; the core goes with its last device."""
        try:
            self.stop()
        except DeviceError as error:
            _log.warning("%s", error)
        finally:
            if self._core is not None:
                self._host.release(self._label)
            self._core = None
            self._format = None

    def settings(self) -> tuple[Setting, ...]:
        """Return the exposure and every property of the device."""
        core = self._opened()
        device = device_settings(core, self._label)
        exposure = Setting(
            name="exposure_ms",
            kind=SettingKind.FLOAT,
            value=self._exposure_ms(),
            unit="ms",
            limits=next((setting.limits for setting in device if setting.name == "Exposure"), None),
            help="exposure per frame; most cameras run slower with a longer one",
        )
        area = area_settings(core, self._label, self._sensor_px)
        kept = (
            replace(setting, config_key=("camera", "settings", "properties", setting.name))
            for setting in device
            if setting.name != "Exposure"
        )
        return exposure, *area, *kept

    def set(self, name: str, value: SettingValue) -> None:
        """Change a setting; a running sequence is stopped for it and started again.

        The frames in between count as lost, and how many there were is said. What is refused by the
        description of the setting, or is there already, stops nothing.

        Raises
        ------
        DeviceError
            No such setting, or a refused value; `FormatChange` for one that would change the size or depth of
            the frames, or the part of the sensor that they show.
        """
        core = self._opened()
        settings = {setting.name: setting for setting in self.settings()}
        if (known := settings.get(name)) is None:
            raise DeviceError(f"{self._label} has no setting {name!r}")
        if (refusal := known.why_not(value)) is not None:
            raise DeviceError(refusal)
        if known.begins_anew and known.value == value:
            return
        counter, why = self._counter, f"to try {name} = {value!r}, which is as it was,"
        if counter is not None:
            with device_errors(f"{self._label} does not stop"):
                core.stopSequenceAcquisition()
        try:
            self._change(name, value, settings)
            why = f"to set {name},"
        finally:
            if counter is not None:
                lost = self._restart(core, counter, self._exposure_ms() * 1e6)
                _log.info("%s was stopped %s and goes on; about %d frames lost", self._label, why, lost)

    def _change(self, name: str, value: SettingValue, before: Mapping[str, Setting]) -> None:
        core = self._opened()
        x, y, width, height = core.getROI(self._label)
        roi: Roi = (x, y, width, height)
        whole = (width, height) == self._sensor_px
        if name in AREA:
            size = name in SIZE
            part = resized(roi, self._sensor_px, name, int(value)) if size else moved(roi, name, int(value))
            self._ask_for(name, value, before, roi, part, 1.0)
            return
        self._write(name, value)
        try:
            changed = read_format(core, self._label)
        except DeviceError:
            # Frames that nobody can take, as those in colour.
            self._put_back(name, before)
            set_roi(core, self._label, None if whole else roi)
            raise
        if changed == self._format:
            if name != "exposure_ms":
                self._changed[name] = value
            return
        full_px = set_roi(core, self._label, None)
        scale = _whole_ratio(self._sensor_px[0] / full_px[0])
        same = None if whole else (int(x / scale), int(y / scale), int(width / scale), int(height / scale))
        self._ask_for(name, value, before, None if whole else roi, same, scale)

    def _ask_for(
        self,
        name: str,
        value: SettingValue,
        before: Mapping[str, Setting],
        old: Roi | None,
        new: Roi | None,
        scale: float,
    ) -> None:
        """Look what frames the camera would make, leave it as it was, and raise FormatChange."""
        core = self._opened()
        try:
            set_roi(core, self._label, new)
            changed = read_format(core, self._label)
        finally:
            if name not in AREA:
                self._put_back(name, before)
            set_roi(core, self._label, old)
        settings = dict(self.context.config.camera.settings)
        properties = dict(settings.get("properties", {})) | self._changed
        if name not in AREA:
            # The last word: properties are set in this order.
            properties.pop(name, None)
            properties[name] = value
        would = f"make frames of {changed.width_px} × {changed.height_px} px, {changed.bits} bits"
        if changed == self._format:
            would = "show another part of the sensor"
        raise FormatChange(
            f"{name} = {value!r} would {would}, but buffers and beads are for others; give it in the config",
            changed,
            {
                "roi_px": new,
                "exposure_ms": self._exposure_ms(),
                "settings": settings | {"properties": properties},
            },
            scale,
            _offset_px(old, new, scale),
        )

    def _put_back(self, name: str, before: Mapping[str, Setting]) -> None:
        """Set what was changed as it was, and what changed with it, as a pixel type with a depth in bits."""
        self._write(name, before[name].value)
        for setting in device_settings(self._opened(), self._label):
            was = before.get(setting.name)
            if was is not None and not was.read_only and setting.value != was.value:
                self._write(was.name, was.value)

    def _write(self, name: str, value: SettingValue) -> None:
        if name == "exposure_ms":
            self._set_exposure(float(value))
            return
        core = self._opened()
        with device_errors(
            f"{self._label} refuses {name} = {value!r}{allowed_values(core, self._label, name)}"
        ):
            core.setProperty(self._label, name, text_of(value))

    def _configured_exposure_ms(self) -> float:
        camera = self.context.config.camera
        return camera.exposure_ms if camera.exposure_ms is not None else 1000.0 / camera.fps

    def _exposure_ms(self) -> float:
        return float(self._opened().getExposure(self._label))

    def _set_exposure(self, exposure_ms: float) -> None:
        with device_errors(f"{self._label} refuses an exposure of {exposure_ms:g} ms"):
            self._opened().setExposure(self._label, exposure_ms)

    def _start_sequence(self, core: CMMCorePlus) -> None:
        with device_errors(f"{self._label} does not start"):
            if core.isSequenceRunning():
                core.stopSequenceAcquisition()
            core.startSequenceAcquisition(_ENDLESS, 0.0, True)

    def _resume(self, core: CMMCorePlus, counter: FrameCounter) -> None:
        """Go on after the sequence ended by itself."""
        if not counter.frames_in_sequence:
            raise DeviceLost(f"{self._label} stopped without having given a frame; is it still connected?")
        why = "its queue in Micro-Manager was full" if core.isBufferOverflowed() else "it stopped by itself"
        lost = self._restart(core, counter)
        _log.warning(
            "%s was restarted: %s; about %d frames lost; settings.buffer_mb makes the queue longer",
            self._label,
            why,
            lost,
        )

    def _restart(self, core: CMMCorePlus, counter: FrameCounter, interval_ns: float | None = None) -> int:
        self._start_sequence(core)
        return counter.restart(time.perf_counter_ns(), interval_ns)

    def _pop(self, core: CMMCorePlus, counter: FrameCounter, buffer: npt.NDArray[Any]) -> FrameInfo:
        image, tags = core.popNextImageAndMD(fix=False)
        now_ns = time.perf_counter_ns()
        np.copyto(buffer, image)
        number, elapsed_ms = tags.get("ImageNumber"), tags.get("ElapsedTime-ms")
        tick = round(float(elapsed_ms) * 1e6) if elapsed_ms else 0
        return FrameInfo(counter.count(int(number) if number else None, tick, now_ns), now_ns, tick)

    def _opened(self) -> CMMCorePlus:
        if self._core is None:
            raise DeviceError("the Micro-Manager camera is not open")
        return self._core


def _whole_ratio(ratio: float) -> float:
    """Return how many old pixels a new one is wide: a sensor may not be a multiple of its binning."""
    return float(round(ratio)) if ratio >= 1 else 1.0 / round(1.0 / ratio)


def _offset_px(old: Roi | None, new: Roi | None, scale: float) -> tuple[float, float]:
    """Return how far a place of the sensor goes in the image, in new pixels."""
    (x_old, y_old), (x_new, y_new) = ((old or _WHOLE)[:2], (new or _WHOLE)[:2])
    return x_old / scale - x_new, y_old / scale - y_new


def _nap_s(counter: FrameCounter, now_ns: int) -> float:
    """Sleep half the time to the next frame: few wake-ups at low rates, little delay at high ones."""
    ahead_ns = counter.expected_ns() - now_ns
    nap_ns = ahead_ns / 2 if ahead_ns > 0 else counter.interval_ns / 20
    return min(max(nap_ns * 1e-9, _NAP_S[0]), _NAP_S[1])
