"""The camera process: the camera fills the slots of the ring itself."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from magscope_app.datatypes import MatrixBuffer, VideoBuffer
from magscope_app.devices import (
    Camera,
    CameraContext,
    DeviceError,
    FormatChange,
    FrameInfo,
    SettingValue,
)
from magscope_app.devices.lookup import load_driver
from magscope_app.errors import FOREIGN
from magscope_app.messages import (
    AcquisitionStopped,
    CameraReady,
    CameraSettings,
    CommandRefused,
    Event,
    Fault,
    FaultCaused,
    FirstFrame,
    FormatAsked,
    Message,
    SetCameraSetting,
    Shutdown,
    StartAcquisition,
    StopAcquisition,
    VideoReady,
)
from magscope_app.processes.axes_beside import axes_beside
from magscope_app.processes.camera_watch import CameraWatch
from magscope_app.processes.frame_times import frame_times
from magscope_app.processes.handles import Handles
from magscope_app.processes.link import Link, Messenger
from magscope_app.processes.rate_watch import RateWatch

_log = logging.getLogger(__name__)
#: Longest wait for a frame before messages are looked at again.
_READ_TIMEOUT_S = 0.1
#: Messages are looked at this often while frames come in.
_LISTEN_EVERY_NS = 5_000_000
#: A camera that must not skip frames waits this long for a free slot.
_RING_WAIT_S = 0.002


def run(link: Link, handles: Handles) -> None:
    """Open the camera, fill the ring while told to, and close the camera on every path."""
    config = handles.config
    driver = load_driver(config.camera.driver, Camera, config.drivers.path)
    camera = driver(CameraContext(config=config, shared_matrix=handles.matrix))
    try:
        camera.open()
        link.send(CameraReady(camera.format, camera.settings(), camera.tick_source))
        with axes_beside(link, handles) as messages:
            _CameraLoop(messages, handles, camera).run()
    finally:
        camera.close()


class _CameraLoop:
    def __init__(self, link: Messenger, handles: Handles, camera: Camera) -> None:
        self._link = link
        self._handles = handles
        self._camera = camera
        self._video: VideoBuffer | None = None
        self._truth: MatrixBuffer | None = None
        self._scratch: npt.NDArray[Any] = np.empty(0)
        self._acquiring = False
        self._ending = False
        self._resuming = False
        self._n_frames = 0
        self._first_ns = self._last_ns = 0
        self._fps = 1.0 / frame_times(handles.config, camera.settings()).period_s
        self._watch = CameraWatch(2**camera.format.bits - 1, self._fps, self._warn)
        asked_fps = handles.config.camera.fps
        # A camera that waits for the ring has no rate of its own.
        self._rate = None if camera.waits_for_ring(camera.context) else RateWatch(asked_fps, self._warn)

    def run(self) -> None:
        try:
            while not self._ending:
                self._listen(0.0 if self._acquiring else 0.2)
                if self._acquiring:
                    self._acquire_for_a_while()
        finally:
            if self._acquiring:
                self._camera.stop()
            for buffer in (self._video, self._truth):
                if buffer is not None:
                    buffer.close()

    def _listen(self, timeout_s: float) -> None:
        message = self._link.receive(timeout_s)
        while message is not None:
            self._handle(message)
            message = self._link.receive()

    def _handle(self, message: Message) -> None:
        match message:
            case VideoReady():
                self._attach()
            case StartAcquisition(resuming):
                self._start(resuming)
            case StopAcquisition():
                self._stop("")
            case SetCameraSetting(name, value):
                self._set(name, value)
            case Fault():
                self._cause(message)
            case Shutdown():
                self._ending = True
            case _:
                _log.warning("the camera process cannot handle %s", type(message).__name__)

    def _attach(self) -> None:
        self._video = self._handles.video()
        form = self._camera.format
        self._scratch = np.empty((form.height_px, form.width_px), form.dtype)
        if self._camera.truth_columns:
            self._truth = self._handles.truth()

    def _start(self, resuming: bool) -> None:
        if self._video is None or self._acquiring:
            return
        self._video.begin_run()
        self._resuming = resuming
        self._n_frames = 0
        self._camera.start()
        self._watch.begin(time.perf_counter_ns())
        if self._rate is not None:
            self._rate.begin()
        self._acquiring = True

    def _stop(self, reason: str) -> None:
        if self._acquiring:
            self._acquiring = False
            self._camera.stop()
            self._watch.end()
        self._link.send(AcquisitionStopped(reason, self._seconds()))

    def _seconds(self) -> float:
        """Return the time that the frames cover, the last one's own included."""
        n_gaps = self._n_frames - 1
        return (self._last_ns - self._first_ns) * 1e-9 * self._n_frames / n_gaps if n_gaps > 0 else 0.0

    def _set(self, name: str, value: SettingValue) -> None:
        refusal = self._change(name, value)
        rate = float(value) if name == "fps" and refusal is None and not isinstance(value, str) else None
        if self._rate is not None:
            # Many cameras stop while a setting is changed.
            self._rate.begin()
            if rate is not None:
                self._rate.expect(rate)
        if refusal is not None:
            self._link.send(CommandRefused("camera", refusal))
        try:
            settings = self._camera.settings()
            told_fps = 1.0 / frame_times(self._handles.config, settings).period_s
            self._fps = rate or told_fps
            self._watch.expect(told_fps)
            self._link.send(CameraSettings(settings))
        except FOREIGN as error:
            self._warn(
                f"the camera cannot say its settings ({type(error).__name__}: {error}); mend its driver"
            )

    def _change(self, name: str, value: SettingValue) -> str | None:
        """Let the camera change a setting; return why it does not, whatever its driver raises."""
        try:
            setting = next((known for known in self._camera.settings() if known.name == name), None)
            if setting is None:
                return f"the camera has no setting {name!r}"
            if (refusal := setting.why_not(value)) is not None:
                return refusal
            self._camera.set(name, value)
        except FormatChange as change:
            camera, scale = dict(change.camera), change.pixel_scale
            self._link.send(FormatAsked(name, value, change.form, camera, scale, change.offset_px))
        except DeviceError as error:
            return str(error)
        except FOREIGN as error:
            return f"the camera did not set {name} ({type(error).__name__}: {error}); mend its driver"
        return None

    def _cause(self, fault: Fault) -> None:
        try:
            self._camera.cause_fault(
                fault.fault,
                duration_s=fault.duration_s,
                count=fault.count,
                at_position=fault.at_position,
            )
        except DeviceError as error:
            self._link.send(CommandRefused("camera", str(error), fault.token))
        else:
            self._link.send(FaultCaused("camera", fault.token))

    def _warn(self, text: str) -> None:
        """Tell the user, and a running dataset."""
        _log.warning(text)
        frame_id = self._video.counters().next_frame_id if self._video is not None else 0
        t_ns = time.perf_counter_ns() - self._handles.session_start_ns
        self._link.send(Event("camera", frame_id, t_ns, {"text": text}))

    def _acquire_for_a_while(self) -> None:
        """Read frames until it is time to look at messages again."""
        until_ns = time.perf_counter_ns() + _LISTEN_EVERY_NS
        try:
            while self._read_one() and time.perf_counter_ns() < until_ns:
                pass
        except EOFError as error:
            self._stop(str(error) or "the recording is at its end")

    def _read_one(self) -> bool:
        """Move one frame from the camera to the ring; False when none came."""
        video = self._video
        assert video is not None
        slot = video.begin()
        if slot is None and self._camera.waits_for_ring(self._camera.context):
            time.sleep(_RING_WAIT_S)
            return False
        info = self._camera.read_into(self._scratch if slot is None else slot, _READ_TIMEOUT_S)
        if info is None:
            if slot is not None:
                video.abort()
            self._watch.nothing(time.perf_counter_ns())
            if self._rate is not None and self._watch.is_silent:
                self._rate.begin()
            return False
        now_ns = time.perf_counter_ns()
        self._watch.frame(self._scratch if slot is None else slot, now_ns)
        if self._rate is not None:
            self._rate.frame(info.frame_number, now_ns)
        if slot is None:
            video.refuse(camera_frame=info.frame_number)
            return True
        self._publish(video, info)
        return True

    def _publish(self, video: VideoBuffer, info: FrameInfo) -> None:
        t_ns = info.timestamp_ns - self._handles.session_start_ns
        if self._resuming:
            self._resuming = False
            video.resume_run(timestamp_ns=t_ns, fps=self._fps)
        frame_id = video.commit(
            timestamp_ns=t_ns,
            camera_frame=info.frame_number,
            device_tick=info.device_tick,
        )
        if not self._n_frames:
            # No message takes a number of numpy's, and a driver's may be one.
            self._first_ns = int(t_ns)
            self._link.send(FirstFrame(self._first_ns))
        self._n_frames += 1
        self._last_ns = t_ns
        if self._truth is not None:
            rows = self._camera.truth()
            ids = np.full((len(rows), 1), float(frame_id))
            self._truth.write(np.hstack([ids, rows]))
